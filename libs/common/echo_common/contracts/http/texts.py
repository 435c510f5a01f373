"""Request and response bodies of text entries."""

from datetime import datetime

from pydantic import BaseModel, Field

from echo_common.contracts.http.base import RequestBody


class CreateText(RequestBody):
    """A text entry to save."""

    content: str = Field(min_length=1, examples=["A long story."])
    language: str | None = Field(None, min_length=1, max_length=20, description="BCP-47 tag.", examples=["en-US"])


class TextPatch(RequestBody):
    """Changes of a text entry."""

    content: str | None = Field(None, min_length=1, examples=["A longer story."])
    language: str | None = Field(None, min_length=1, max_length=20, description="BCP-47 tag; null removes it.")


class TextView(BaseModel):
    """A text entry."""

    id: str
    content: str
    language: str | None = None
    created_at: datetime
    updated_at: datetime
