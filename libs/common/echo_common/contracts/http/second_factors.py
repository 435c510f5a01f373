"""Request and response bodies of two-factor authentication."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints, model_validator

from echo_common.contracts.http.alternatives import exactly_one
from echo_common.contracts.http.auth import Password
from echo_common.contracts.http.base import RequestBody
from echo_common.contracts.http.passkeys import CREDENTIAL_EXAMPLE, Credential

SecondFactorCode = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
"""A TOTP code or a recovery code."""


class TotpSetup(BaseModel):
    """A TOTP secret for an authenticator app."""

    secret: str = Field(description="Secret in base32, to enter by hand.")
    otpauth_uri: str = Field(description="URI that authenticator apps open.")
    qr_code: str = Field(description="QR code of the URI: an SVG picture as data URI.")


_PASSKEY = "A passkey's response to options for a login."


class SecondFactor(RequestBody):
    """A TOTP code, or a passkey's signature."""

    model_config = exactly_one("code", "passkey")

    code: SecondFactorCode | None = Field(None, description="Current code of the authenticator app.", examples=["492039"])
    passkey: Credential | None = Field(None, description=_PASSKEY, examples=[CREDENTIAL_EXAMPLE])

    @model_validator(mode="after")
    def _one(self) -> "SecondFactor":
        if (self.code is None) == (self.passkey is None):
            raise ValueError("Send either code or passkey, and not both.")
        return self


class RecoveryCodes(BaseModel):
    """Recovery codes, shown once; each replaces a TOTP code once."""

    recovery_codes: list[str]


class SecondFactorProof(SecondFactor):
    """The password, and a TOTP code, a recovery code or a passkey's signature."""

    password: Password = Field(examples=["correct horse battery"])
    code: SecondFactorCode | None = Field(
        None, description="Current code of the authenticator app, or a recovery code.", examples=["492039"]
    )
