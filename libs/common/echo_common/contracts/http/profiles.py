"""Request and response bodies of profiles."""

from datetime import date

from pydantic import BaseModel, Field

from echo_common.contracts.http.auth import BirthDate, Language
from echo_common.contracts.http.base import Name, RequestBody


class ProfileRequest(RequestBody):
    """The personal data of the current user; an absent field is empty afterwards."""

    first_name: Name | None = Field(None, examples=["Ada"])
    last_name: Name | None = Field(None, examples=["Lovelace"])
    date_of_birth: BirthDate | None = Field(None, examples=["1915-12-10"])
    preferred_language: Language | None = Field(None, description="BCP-47 tag.", examples=["en"])


class ProfileView(BaseModel):
    """The personal data of the current user."""

    first_name: str | None
    last_name: str | None
    date_of_birth: date | None
    preferred_language: str | None = Field(description="Language of messages, and of voices where a request names none.")
    avatar_url: str | None = Field(description="Path of the avatar; null if there is none.")
