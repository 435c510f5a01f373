"""Request body of the confirmation of email addresses."""

from pydantic import Field

from echo_common.contracts.http.auth import LinkToken
from echo_common.contracts.http.base import RequestBody


class ConfirmEmailRequest(RequestBody):
    """The token of a confirmation link."""

    token: LinkToken = Field(description="Token in the link.", examples=["mail_01K9ZX3V5T4S2R1Q0P9N8M7K6J.sTf0…"])
