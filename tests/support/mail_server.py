"""A real SMTP server on this machine that keeps the mails it receives."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP

from echo_auth.mail.settings import MailSettings
from tests.support.certificates import Certificate
from tests.support.eventually import eventually

_TOKEN = re.compile(r"#token=(\S+)")


@dataclass
class MailServer:
    """The mails received so far; `responses` are sent instead of accepting the next ones."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    responses: list[str] = field(default_factory=list)
    certificate: Certificate | None = None
    encrypted: list[bool] = field(default_factory=list)
    """Whether each mail came over TLS."""

    @property
    def settings(self) -> MailSettings:
        """Settings of a client."""
        chosen = MailSettings(
            smtp_host="127.0.0.1", smtp_port=self.port, smtp_tls="none", mail_sender="Echo <echo@example.org>"
        )
        if self.certificate is None:
            return chosen
        return chosen.model_copy(update={"smtp_tls": "starttls", "smtp_ca_file": self.certificate.certificate})

    def to(self, address: str) -> list[EmailMessage]:
        """Return the mails to an address."""
        return [mail for mail in self.mails if mail["To"] == address]

    async def received(self, address: str, number: int = 1) -> EmailMessage:
        """Wait for a number of mails to an address and return the last one."""
        await eventually(lambda: len(self.to(address)) >= number)
        return self.to(address)[number - 1]

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        """Refuse recipients that do not exist here."""
        if address.startswith("unknown"):
            return "550 No such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - name of aiosmtpd
        """Receive a mail."""
        if self.responses:
            return self.responses.pop(0)
        self.encrypted.append(session.ssl is not None)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


def token_in(mail: EmailMessage) -> str:
    """Return the token of the link in a mail."""
    found = _TOKEN.search(mail.get_content())
    assert found is not None, mail.get_content()
    return found[1]


@asynccontextmanager
async def mail_server(certificate: Certificate | None = None) -> AsyncIterator[MailServer]:
    """Run a mail server; with a certificate, it accepts mails after STARTTLS only."""
    received, context = MailServer(certificate=certificate), None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.certificate, certificate.key)

    def session() -> SMTP:
        return SMTP(received, hostname="localhost", tls_context=context, require_starttls=context is not None)

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    received.port = server.sockets[0].getsockname()[1]
    try:
        yield received
    finally:
        server.close()
