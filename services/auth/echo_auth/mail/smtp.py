"""Adapter for an SMTP server."""

import asyncio
import ssl
from email.message import EmailMessage
from email.utils import formatdate, parseaddr

import aiosmtplib
from aiosmtplib.errors import SMTPException, SMTPRecipientsRefused

from echo_auth.mail.port import Mail, MailRefusedError, MailUnavailableError
from echo_auth.mail.settings import MailSettings

_PERMANENT = 500
_SECONDS = 240.0
"""Time limit of all steps together: less than the time for which a mail is claimed."""


class SmtpMailer:
    """A mailer that sends each mail over a connection of its own."""

    for_operator = False

    def __init__(self, host: str, settings: MailSettings) -> None:
        self._host = host
        self._settings = settings
        encrypted = settings.smtp_tls != "none"
        self._tls = ssl.create_default_context(cafile=settings.smtp_ca_file) if encrypted else None

    async def send(self, mail: Mail) -> None:
        """Send a mail. Raises `MailUnavailableError`, `MailRefusedError`."""
        settings = self._settings
        password = settings.smtp_password
        try:
            async with asyncio.timeout(_SECONDS):
                await aiosmtplib.send(
                    self._message(mail),
                    hostname=self._host,
                    port=settings.smtp_port,
                    username=settings.smtp_username,
                    password=password.get_secret_value() if password else None,
                    use_tls=settings.smtp_tls == "tls",
                    start_tls=settings.smtp_tls == "starttls",
                    tls_context=self._tls,
                    timeout=settings.smtp_timeout_seconds,
                )
        except SMTPRecipientsRefused as error:
            if all(refusal.code >= _PERMANENT for refusal in error.recipients):
                raise MailRefusedError from error
            raise MailUnavailableError from error
        except (SMTPException, OSError, ValueError) as error:
            raise MailUnavailableError(f"The mail server did not accept the mail: {type(error).__name__}.") from error

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._settings.mail_sender
        message["To"] = mail.to
        message["Subject"] = mail.subject
        message["Date"] = formatdate()
        domain = parseaddr(self._settings.mail_sender)[1].rpartition("@")[2] or "localhost"
        message["Message-ID"] = f"<{mail.id}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies
        message.set_content(mail.body)
        return message
