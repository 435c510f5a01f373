"""Request and response bodies of synthesis: normalisation and the dictionary."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from echo_common.contracts.http.alternatives import at_least_one
from echo_common.contracts.http.base import RequestBody
from echo_common.contracts.http.synthesis import VoiceId
from echo_common.contracts.unspoken_characters import find_unspoken_character


def _spoken(text: str) -> str:
    if (at := find_unspoken_character(text)) is not None:
        raise ValueError(f"must not contain the character U+{ord(text[at]):04X}, which cannot be spoken")
    return text


_Spoken = AfterValidator(_spoken)
Term = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"\w"), _Spoken]
Respelling = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"\w"), _Spoken]
Ipa = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), _Spoken]
LanguageTag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=20)]


class NormalizeRequest(RequestBody):
    """A text to normalise."""

    text: str = Field(min_length=1, description="Plain text, Markdown or SSML.", examples=["Dr. Smith paid $5.50."])
    language: LanguageTag | None = Field(None, description="Language tag; the voice's own when absent.", examples=["en-US"])
    voice_id: VoiceId | None = Field(None, description="Voice; the default voice when absent.")
    normalize: bool = Field(True, description="Verbalise numbers, symbols and Markdown.")
    ssml: bool | None = Field(None, description="Treat the text as SSML; when absent, SSML is detected by a leading `<speak`.")


class ScriptWord(BaseModel):
    """A written word, its position, and its spoken form."""

    word: str
    spoken: str = Field(description="Spoken form; empty when the word is not spoken, or spoken with its neighbour.")
    char_start: int
    char_end: int


class ScriptUnit(BaseModel):
    """A segment: a unit of synthesis."""

    type: Literal["unit"] = "unit"
    text: str = Field(description="Input of the engine.")
    words: list[ScriptWord]
    rate: float = Field(1.0, description="Factor on the requested speed.")
    volume: float = 1.0
    pitch: float = Field(1.0, description="Factor on the requested pitch.")
    heading: int = Field(0, description="Heading level; 0 for no heading.")


class ScriptPause(BaseModel):
    """A pause."""

    type: Literal["pause"] = "pause"
    seconds: float


class Script(BaseModel):
    """A normalised text."""

    language: str
    voice_id: str
    spoken_text: str = Field(description="The whole spoken text.")
    word_count: int = Field(description="Number of written words.")
    parts: list[Annotated[ScriptUnit | ScriptPause, Field(discriminator="type")]]


class CreateDictionaryEntry(RequestBody):
    """The pronunciation of a term: a respelling, IPA, or both."""

    model_config = at_least_one("respelling", "ipa")

    term: Term = Field(description="One or more words, matched as whole words.", examples=["Hugh"])
    respelling: Respelling | None = Field(None, description="Replacement that is spoken.", examples=["hue"])
    ipa: Ipa | None = Field(None, description="Pronunciation in IPA, for engines that support it.", examples=["hju"])
    language: LanguageTag | None = Field(None, description="Limit to this language; `en` includes `en-GB`.")
    voice_id: VoiceId | None = Field(None, description="Limit to this voice.")
    case_sensitive: bool = False


class DictionaryEntryPatch(RequestBody):
    """Changes of a dictionary entry; null removes a field."""

    term: Term | None = None
    respelling: Respelling | None = Field(None, examples=["hue"])
    ipa: Ipa | None = None
    language: LanguageTag | None = None
    voice_id: VoiceId | None = None
    case_sensitive: bool | None = None


class DictionaryEntryView(BaseModel):
    """A dictionary entry."""

    id: str
    term: str
    respelling: str | None
    ipa: str | None
    language: str | None
    voice_id: str | None
    case_sensitive: bool
    created_at: datetime
    updated_at: datetime
