"""Request bodies of passwords."""

from pydantic import Field

from echo_common.contracts.http.auth import Email, LinkToken, NewPassword, Password
from echo_common.contracts.http.base import RequestBody


class ChangePasswordRequest(RequestBody):
    """The current password and a new one."""

    current_password: Password = Field(examples=["correct horse battery"])
    new_password: NewPassword = Field(description="New password of 8 to 128 characters.", examples=["staple gun paradise"])


class ForgotPasswordRequest(RequestBody):
    """The email address of an account."""

    email: Email = Field(examples=["ada@example.com"])


class ResetPasswordRequest(RequestBody):
    """The token of a reset link and a new password."""

    token: LinkToken = Field(description="Token in the link.", examples=["mail_01K9ZX3V5T4S2R1Q0P9N8M7K6J.sTf0…"])
    new_password: NewPassword = Field(description="New password of 8 to 128 characters.", examples=["staple gun paradise"])
