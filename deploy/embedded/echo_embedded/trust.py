"""Trust of `echoctl` in the certificate of a platform."""

import hashlib
import re
import ssl
from pathlib import Path

import aiohttp

from echo_embedded.data_folder import CannotStartError

Trust = ssl.SSLContext | aiohttp.Fingerprint | bool
"""The trusted certificates of an HTTPS connection; True for those of the system."""

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def trust_in(authorities: Path | None) -> Trust:
    """Return the trust in the certificates of a file, or in those of the system. Raises `CannotStartError`."""
    if authorities is None:
        return True
    try:
        return ssl.create_default_context(cafile=authorities)
    except OSError as error:
        raise CannotStartError(f"The certificates in {authorities} cannot be used: {error.strerror or error}.") from error


def trust_in_local(certificate: str | None) -> Trust:
    """Return the trust in the certificate alone that the platform on this machine serves; its names need not match."""
    if certificate is None:
        return True
    try:
        found = _CERTIFICATE.search(Path(certificate).read_text())
        der = ssl.PEM_cert_to_DER_cert(found[0] if found else "")
    except (OSError, ValueError) as error:
        raise CannotStartError(f"The certificate {certificate} of the platform cannot be read: {error}.") from error
    return aiohttp.Fingerprint(hashlib.sha256(der).digest())
