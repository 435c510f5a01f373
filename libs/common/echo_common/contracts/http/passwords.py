"""Request bodies of passwords."""

from pydantic import Field

from echo_common.contracts.http.auth import NewPassword, Password
from echo_common.contracts.http.base import RequestBody


class ChangePasswordRequest(RequestBody):
    """The current password and a new one."""

    current_password: Password = Field(examples=["correct horse battery"])
    new_password: NewPassword = Field(description="New password of 8 to 128 characters.", examples=["staple gun paradise"])
