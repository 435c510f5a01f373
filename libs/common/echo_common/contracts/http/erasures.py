"""Request and response bodies of the deletion of accounts."""

from datetime import datetime

from pydantic import BaseModel, Field

from echo_common.contracts.http.auth import CODE, PASSKEY_RESPONSE, Password, SecondFactorCode
from echo_common.contracts.http.base import RequestBody
from echo_common.contracts.http.passkeys import CREDENTIAL_EXAMPLE, Credential


class DeleteAccountRequest(RequestBody):
    """A confirmation that the account is to be deleted."""

    password: Password | None = Field(
        None, description="The current password; not needed by guests.", examples=["correct horse battery"]
    )
    totp_code: SecondFactorCode | None = Field(
        None, description=f"{CODE}, if two-factor authentication is enabled.", examples=["492039"]
    )
    passkey: Credential | None = Field(
        None, description=f"{PASSKEY_RESPONSE}, instead of `totp_code`.", examples=[CREDENTIAL_EXAMPLE]
    )


class ErasureView(BaseModel):
    """The erasure of a deleted user's data. The user is named by a pseudonym."""

    id: str
    pseudonym: str = Field(description="Pseudonym of the user, as in the audit log.")
    requested_at: datetime
    confirmed: dict[str, datetime] = Field(description="Services that have erased everything, with the time.")
    waiting_for: list[str] = Field(description="Services that have not confirmed yet.")
    completed_at: datetime | None = Field(description="Time at which the account itself was erased, after all services.")
