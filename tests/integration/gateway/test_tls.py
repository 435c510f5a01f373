"""HTTPS of the gateway."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from pydantic import ValidationError

from echo_common.http import tls
from echo_gateway.settings import GatewaySettings
from tests.integration.gateway.conftest import Gateway, Start
from tests.support.certificates import Certificate
from tests.support.eventually import eventually
from tests.support.upstream import Upstream


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return Certificate.create(tmp_path)


@pytest.fixture
async def secured(start: Start, certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    monkeypatch.setattr(tls, "CHECK_SECONDS", 0.01)
    async with start(tls_certificate=certificate.certificate, tls_key=certificate.key) as gateway:
        yield gateway


async def served(gateway: Gateway) -> str:
    """Return the certificate that the gateway presents, without verifying it."""
    parts = urlsplit(gateway.url)
    context = ssl._create_unverified_context()
    _, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=context)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return ssl.DER_cert_to_PEM_cert(der)


async def test_requests_are_served_over_https(secured: Gateway, certificate: Certificate, synthesis: Upstream) -> None:
    assert secured.url.startswith("https://127.0.0.1:")
    trusted = ssl.create_default_context(cafile=str(certificate.certificate))
    url = f"{secured.url}/api/v1/voices"

    async with secured.session.get(url, headers=secured.bearer(), ssl=trusted) as response:
        assert response.status == 200
    assert len(synthesis.asked) == 1


async def test_older_protocols_are_refused(secured: Gateway) -> None:
    context = ssl._create_unverified_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1

    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(*secured.url.removeprefix("https://").split(":"), ssl=context)


async def test_a_renewed_certificate_is_used_without_a_restart(secured: Gateway, certificate: Certificate) -> None:
    before = await served(secured)
    renewed = Certificate.create(certificate.key.parent).certificate.read_text()

    async def renewed_is_served() -> bool:
        return await served(secured) == renewed

    assert before != renewed
    await eventually(renewed_is_served)


async def test_an_incomplete_renewal_leaves_the_certificate_in_use(
    secured: Gateway, certificate: Certificate, capsys: pytest.CaptureFixture[str]
) -> None:
    before = await served(secured)
    certificate.certificate.write_text("half a certif")

    await eventually(lambda: "certificate_reload_failed" in capsys.readouterr().out)
    assert await served(secured) == before


async def test_an_unusable_certificate_prevents_the_start(start: Start, certificate: Certificate) -> None:
    certificate.key.write_text("not a key")

    with pytest.raises(tls.CertificateError, match="cannot be used"):
        async with start(tls_certificate=certificate.certificate, tls_key=certificate.key):
            pass


def test_certificate_and_key_belong_together(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="ECHO_GATEWAY_TLS_KEY"):
        GatewaySettings(tls_certificate=tmp_path / "certificate.pem")


async def test_browsers_are_told_to_use_https_only(secured: Gateway, certificate: Certificate) -> None:
    trusted = ssl.create_default_context(cafile=str(certificate.certificate))

    for path in ("/healthz", "/api/v1/voices", "/nothing", "/openapi.json", "/confirm-email"):
        async with secured.session.get(secured.url + path, ssl=trusted) as response:
            assert response.headers["Strict-Transport-Security"] == "max-age=31536000", path


async def test_without_https_there_is_no_such_header(gateway: Gateway) -> None:
    async with gateway.session.get(gateway.url + "/healthz") as response:
        assert "Strict-Transport-Security" not in response.headers


async def test_behind_a_proxy_the_public_url_decides(start: Start) -> None:
    async with (
        start(public_url="https://echo.example.com") as gateway,
        gateway.session.get(gateway.url + "/healthz") as response,
    ):
        assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


async def silent(gateway: Gateway) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect without a handshake."""
    parts = urlsplit(gateway.url)
    return await asyncio.open_connection(parts.hostname, parts.port)


async def end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def test_handshakes_count_as_connections_of_their_address(
    start: Start, certificate: Certificate, synthesis: Upstream
) -> None:
    async with (
        start(tls_certificate=certificate.certificate, tls_key=certificate.key, connections_per_address=3) as gateway,
        AsyncExitStack() as stack,
    ):
        for _ in range(3):
            _, writer = await silent(gateway)
            stack.push_async_callback(end, writer)
        trusted = ssl.create_default_context(cafile=str(certificate.certificate))

        async def refused() -> bool:
            reader, writer = await silent(gateway)
            try:
                async with asyncio.timeout(0.2):
                    return await reader.read(1) == b""
            except (TimeoutError, ConnectionError):
                return False
            finally:
                await end(writer)

        await eventually(refused)
        await stack.aclose()

        async def served() -> bool:
            with suppress(aiohttp.ClientError):
                async with gateway.session.get(f"{gateway.url}/healthz", ssl=trusted) as response:
                    return response.status == 200
            return False

        await eventually(served)
