"""Bodies synthesis serves: how texts are read aloud."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from echo_common.contracts.http.synthesis import Request, VoiceId

Term = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"\w")]
Respelling = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"\w")]
Ipa = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
LanguageTag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=20)]


class NormalizeRequest(Request):
    """A text to be looked at as it would be spoken."""

    text: str = Field(min_length=1, description="Plain text, Markdown or SSML.", examples=["Dr. Smith paid $5.50."])
    language: LanguageTag | None = Field(None, description="The voice's own when absent.", examples=["en-US"])
    voice_id: VoiceId | None = Field(None, description="The default voice when absent.")
    normalize: bool = Field(True, description="Whether numbers, signs and Markdown are read as a person would.")
    ssml: bool | None = Field(None, description="Whether the text is SSML; when absent, it is if it begins with `<speak`.")


class ScriptWord(BaseModel):
    """A written word, where it is written, and what is spoken for it."""

    word: str
    spoken: str = Field(description="Empty when it is not spoken, or spoken with its neighbour.")
    char_start: int
    char_end: int


class ScriptUnit(BaseModel):
    """What is spoken at once."""

    type: Literal["unit"] = "unit"
    text: str = Field(description="What the engine gets.")
    words: list[ScriptWord]
    rate: float = Field(1.0, description="Times the pace asked for.")
    volume: float = 1.0
    pitch: float = Field(1.0, description="Times the pitch asked for.")
    heading: int = Field(0, description="A heading's level; 0 is none.")


class ScriptPause(BaseModel):
    """Silence."""

    type: Literal["pause"] = "pause"
    seconds: float


class Script(BaseModel):
    """A text as it would be spoken."""

    language: str
    voice_id: str
    spoken_text: str = Field(description="All that is spoken, in one.")
    word_count: int = Field(description="Written words.")
    parts: list[Annotated[ScriptUnit | ScriptPause, Field(discriminator="type")]]


class CreateDictionaryEntry(Request):
    """How a term is to be said: written otherwise, in IPA, or both."""

    term: Term = Field(description="A word or several; found as whole words.", examples=["Hugh"])
    respelling: Respelling | None = Field(None, description="Spoken instead of it.", examples=["hue"])
    ipa: Ipa | None = Field(None, description="Its pronunciation, for engines that take it.", examples=["hju"])
    language: LanguageTag | None = Field(None, description="For this language only; `en` includes `en-GB`.")
    voice_id: VoiceId | None = Field(None, description="For this voice only.")
    case_sensitive: bool = False


class DictionaryEntryPatch(Request):
    """What is to change; null takes a field away."""

    term: Term | None = None
    respelling: Respelling | None = None
    ipa: Ipa | None = None
    language: LanguageTag | None = None
    voice_id: VoiceId | None = None
    case_sensitive: bool | None = None


class DictionaryEntryView(BaseModel):
    """An entry of one's dictionary."""

    id: str
    term: str
    respelling: str | None
    ipa: str | None
    language: str | None
    voice_id: str | None
    case_sensitive: bool
    created_at: datetime
    updated_at: datetime
