"""TLS of a server, with a certificate that is read again when its files change."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from echo_common.background_tasks import running_in_background

CHECK_SECONDS = 10.0
"""Seconds between two checks for a renewed certificate."""


class CertificateError(OSError):
    """The certificate or its key cannot be used."""


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate chain and its private key, in PEM files. Clients need TLS 1.2 or later."""

    certificate: Path
    key: Path

    @asynccontextmanager
    async def context(self) -> AsyncIterator[ssl.SSLContext]:
        """Open the context of a server; while it is open, a renewed certificate serves new connections.

        Raises `CertificateError`.
        """
        context = self._context()
        async with running_in_background(self._follow(context, self._times())):
            yield context

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ValueError) as error:
            raise CertificateError(
                f"The certificate {self.certificate} with the key {self.key} cannot be used: {error}. "
                "Check both files; they must be PEM and belong together."
            ) from error
        return context

    async def _follow(self, context: ssl.SSLContext, times: tuple[int, int]) -> None:
        log = structlog.get_logger("echo.tls")
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                found = self._times()
                if found == times:
                    continue
                self._context()  # refused here, an incomplete pair leaves the served one in use
                context.load_cert_chain(self.certificate, self.key)
            except OSError as error:
                log.warning("certificate_reload_failed", error=str(error))
            else:
                times = found
                log.info("certificate_reloaded")

    def _times(self) -> tuple[int, int]:
        return self.certificate.stat().st_mtime_ns, self.key.stat().st_mtime_ns
