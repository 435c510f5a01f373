"""Adapter that writes mails to the operator's log, for installations without a mail server."""

import structlog

from echo_auth.mail.port import Mail


class OperatorLog:
    """A mailer that logs the recipient, subject and link of each mail; the operator passes the link on."""

    for_operator = True

    def __init__(self) -> None:
        self._log = structlog.get_logger("echo.mail")

    async def send(self, mail: Mail) -> None:
        """Log a mail."""
        self._log.info("mail_for_operator", mail_id=mail.id, to=mail.to, subject=mail.subject, link=mail.link)
