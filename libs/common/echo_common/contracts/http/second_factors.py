"""Request and response bodies of two-factor authentication."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from echo_common.contracts.http.auth import Password
from echo_common.contracts.http.base import RequestBody

SecondFactorCode = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
"""A TOTP code or a recovery code."""


class TotpSetup(BaseModel):
    """A TOTP secret for an authenticator app."""

    secret: str = Field(description="Secret in base32, to enter by hand.")
    otpauth_uri: str = Field(description="URI that authenticator apps open.")
    qr_code: str = Field(description="QR code of the URI: an SVG picture as data URI.")


class TotpCode(RequestBody):
    """A code of the authenticator app."""

    code: SecondFactorCode = Field(description="Current code of the authenticator app.", examples=["492039"])


class RecoveryCodes(BaseModel):
    """Recovery codes, shown once; each replaces a TOTP code once."""

    recovery_codes: list[str]


class SecondFactorProof(RequestBody):
    """The password, and a TOTP code or a recovery code."""

    password: Password = Field(examples=["correct horse battery"])
    code: SecondFactorCode = Field(
        description="Current code of the authenticator app, or a recovery code.", examples=["492039"]
    )
