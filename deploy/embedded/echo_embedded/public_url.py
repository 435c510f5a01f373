"""The address at which users reach a platform on one machine, and its certificate."""

from urllib.parse import urlsplit

from echo_common.settings import CommonSettings


def public_url(listen: str, *, encrypted: bool) -> str:
    """Return the setting, or, if it is not set, the address on this machine; a free port that is not known yet is left out."""
    settings, port = CommonSettings(), urlsplit(listen).port
    if "public_url" in settings.model_fields_set or not port:
        return settings.public_url
    return f"{'https' if encrypted else 'http'}://localhost:{port}"


def served_certificate() -> str | None:
    """Return the path of the certificate with which the gateway on this machine serves HTTPS, or None."""
    from echo_gateway.settings import GatewaySettings  # the image of the backup has no gateway

    tls = GatewaySettings().tls
    return None if tls is None else str(tls.certificate.resolve())
