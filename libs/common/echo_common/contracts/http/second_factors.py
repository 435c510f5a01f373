"""Request and response bodies of two-factor authentication."""

from pydantic import BaseModel, Field, model_validator

from echo_common.contracts.http.alternatives import exactly_one
from echo_common.contracts.http.auth import CODE, PASSKEY_RESPONSE, Password, SecondFactorCode
from echo_common.contracts.http.base import RequestBody
from echo_common.contracts.http.passkeys import CREDENTIAL_EXAMPLE, Credential


class TotpSetup(BaseModel):
    """A TOTP secret for an authenticator app."""

    secret: str = Field(description="Secret in base32, to enter by hand.")
    otpauth_uri: str = Field(description="URI that authenticator apps open.")
    qr_code: str = Field(description="QR code of the URI: an SVG picture as data URI.")


class SecondFactor(RequestBody):
    """A TOTP code, or a passkey's signature."""

    model_config = exactly_one("code", "passkey")

    code: SecondFactorCode | None = Field(None, description="Current code of the authenticator app.", examples=["492039"])
    passkey: Credential | None = Field(
        None, description=f"{PASSKEY_RESPONSE}, instead of `code`.", examples=[CREDENTIAL_EXAMPLE]
    )

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

    password: Password = Field(description="Current password.", examples=["correct horse battery"])
    code: SecondFactorCode | None = Field(None, description=f"{CODE}.", examples=["492039"])
