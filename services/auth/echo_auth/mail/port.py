"""Mail port."""

from dataclasses import dataclass
from typing import Protocol

from echo_common.errors import EchoError


class MailUnavailableError(EchoError):
    """The mail server did not accept the mail; it is sent again later."""


class MailRefusedError(EchoError):
    """The mail server does not accept mails to this address."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail in plain text. `link` is the secret link in `body`, if it has one."""

    id: str
    to: str
    subject: str
    body: str
    link: str | None = None


class Mailer(Protocol):
    """Delivery of mails."""

    for_operator: bool
    """Whether mails go to the operator, who passes them on, and not to their recipients."""

    async def send(self, mail: Mail) -> None:
        """Send a mail; a mail sent again has the same message id. Raises `MailUnavailableError`, `MailRefusedError`."""
