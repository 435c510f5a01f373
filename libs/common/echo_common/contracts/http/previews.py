"""Request bodies of previews: short speech in a voice that is not ready or not saved."""

from typing import Annotated

from pydantic import Field, StringConstraints

from echo_common.contracts.http.base import RequestBody
from echo_common.contracts.http.voice import Language

_PreviewText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class PreviewRequest(RequestBody):
    """A short text to hear in a voice."""

    text: _PreviewText | None = Field(
        None, description="Text to speak; a short sentence when absent.", examples=["Hello from Echo."]
    )
    language: Language | None = Field(None, description="Language to speak; that of the text when absent.")
