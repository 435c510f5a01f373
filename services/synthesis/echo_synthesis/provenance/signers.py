"""Signing certificates: one generated at the first start, or an operator's own."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from echo_common.clock import now
from echo_common.store.port import DuplicateError, Store

_GENERATED = "generated"
_LASTS = timedelta(days=20 * 365)
_CURVES = {256: "es256", 384: "es384", 521: "es512"}
_SIGNS_ONLY = dict.fromkeys(
    ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Signing key and certificates, PEM encoded.

    `chain` starts with the signing certificate and ends with the root; `key` belongs to the signing certificate.
    """

    chain: bytes
    key: bytes

    @classmethod
    def read(cls, certificate: Path, key: Path) -> "Credentials":
        """Read both from files. Raises `OSError`."""
        return cls(certificate.read_bytes(), key.read_bytes())

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write both to files that only this user can read, and return their paths."""
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        for path, content in ((certificate, self.chain), (key, self.key)):
            path.touch(mode=0o600)
            path.write_bytes(content)
        return certificate, key

    @property
    def algorithm(self) -> str:
        """Algorithm name in C2PA. Raises `ValueError` for a key that C2PA does not support."""
        key = load_pem_private_key(self.key, password=None)
        match key:
            case ec.EllipticCurvePrivateKey() if key.curve.key_size in _CURVES:
                return _CURVES[key.curve.key_size]
            case ed25519.Ed25519PrivateKey():
                return "ed25519"
            case rsa.RSAPrivateKey():
                return "ps256"
            case _:
                raise ValueError("a key of this kind cannot sign manifests")


@dataclass(frozen=True, slots=True)
class Signer:
    """Identity of a certificate that has signed here, to recognise its signatures.

    A serial number is unique only within its authority (`anchor`, PEM).
    """

    serial: str
    anchor: str

    @classmethod
    def of(cls, chain: bytes) -> "Signer":
        """Identify the first certificate of a chain. Raises `ValueError` for an invalid chain or one without an authority."""
        certificates = x509.load_pem_x509_certificates(chain)
        if len(certificates) == 1:
            raise ValueError("the certificate of the authority that issued it is missing")
        return cls(str(certificates[0].serial_number), certificates[-1].public_bytes(Encoding.PEM).decode())


class Signers:
    """All certificates that ever signed, in the database, so that replicas share them and old files are recognised."""

    def __init__(self, store: Store) -> None:
        self._signers = store.collection("signers")

    async def open(self, certificate: Path | None, key: Path | None) -> Credentials:
        """Return the credentials to sign with: an operator's own, else those generated at the first start.

        Raises `OSError` and `ValueError` for invalid files.
        """
        await self._signers.ensure(())
        if certificate is not None and key is not None:
            own = await asyncio.to_thread(Credentials.read, certificate, key)
            with suppress(DuplicateError):
                await self._signers.insert({"_id": Signer.of(own.chain).serial, "chain": own.chain})
            return own
        found = await self._signers.find_one({"_id": _GENERATED})
        if found is None:
            made = generate()
            with suppress(DuplicateError):  # another replica was first; its credentials are used
                await self._signers.insert({"_id": _GENERATED, "chain": made.chain, "key": made.key})
            found = await self._signers.find_one({"_id": _GENERATED})
        assert found is not None  # noqa: S101 - nothing removes it
        return Credentials(bytes(found["chain"]), bytes(found["key"]))

    async def all(self) -> list[Signer]:
        """Return all signers, including those of other replicas. Raises `StoreUnavailableError`."""
        return [Signer.of(bytes(found["chain"])) async for found in self._signers.find({}, fields=("chain",))]


def generate() -> Credentials:
    """Generate a certificate and its authority, whose key is discarded: it never issues another certificate."""
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = (
        _certificate("Echo, the authority of this deployment", authority.public_key())
        .issuer_name(_name("Echo, the authority of this deployment"))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, **_SIGNS_ONLY), critical=True)
        .sign(authority, SHA256())
    )
    leaf = (
        _certificate("Echo, this deployment", key.public_key())
        .issuer_name(root.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, **_SIGNS_ONLY), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)  # C2PA asks for it
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        .sign(authority, SHA256())
    )
    chain = leaf.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM)
    return Credentials(chain, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _certificate(name: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    moment = now()
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - timedelta(hours=1))  # tolerates clock differences
        .not_valid_after(moment + _LASTS)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Echo"), x509.NameAttribute(NameOID.COMMON_NAME, name)])
