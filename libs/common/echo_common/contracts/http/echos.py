"""Request and response bodies of echos."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from echo_common.contracts.http.alternatives import at_least_one
from echo_common.contracts.http.base import Name, RequestBody
from echo_common.contracts.http.messages import clean, remove_controls
from echo_common.contracts.http.normalization import Ipa, LanguageTag, Respelling, Term
from echo_common.contracts.http.synthesis import VoiceId
from echo_common.contracts.ipa import is_ipa

MOST_PRONUNCIATIONS = 200
"""Maximum number of pronunciations of an echo."""

PersonaPrompt = Annotated[str, StringConstraints(max_length=8_000), AfterValidator(remove_controls)]
Greeting = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000), AfterValidator(clean)]
Style = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(clean)]
Speed = Annotated[float, Field(ge=0.25, le=4.0)]
Pitch = Annotated[float, Field(ge=0.5, le=2.0)]
Volume = Annotated[float, Field(ge=0.0, le=2.0)]


class EchoPronunciationEntry(RequestBody):
    """The pronunciation of a term: a respelling, IPA, or both."""

    model_config = at_least_one("respelling", "ipa") | ConfigDict(frozen=True)

    term: Term = Field(description="One or more words, matched as whole words.", examples=["Hugh"])
    respelling: Respelling | None = Field(None, description="Replacement that is spoken.", examples=["hue"])
    ipa: Ipa | None = Field(None, description="Pronunciation in IPA, for engines that support it.", examples=["hju"])
    case_sensitive: bool = False

    @model_validator(mode="after")
    def _speakable(self) -> "EchoPronunciationEntry":
        if self.respelling is None and self.ipa is None:
            raise ValueError("Give a respelling, the pronunciation in IPA, or both.")
        if self.ipa is not None and not is_ipa(self.ipa):
            raise ValueError("IPA is made of letters and marks, words parted by single spaces, without brackets or slashes.")
        return self


Pronunciations = Annotated[list[EchoPronunciationEntry], Field(max_length=MOST_PRONUNCIATIONS)]


class CreateEcho(RequestBody):
    """An echo to create."""

    name: Name = Field(examples=["Grandmother"])
    persona_prompt: PersonaPrompt = Field(
        "", description="Who the echo is and how it replies.", examples=["You are kind and tell stories."]
    )
    voice_id: VoiceId | None = Field(
        None,
        description="Built-in voice, or a clone that you own or that is shared with you; when absent, your selected voice.",
        examples=["af_heart"],
    )
    language: LanguageTag | None = Field(None, description="BCP-47 tag; when absent, the language of each text.")
    greeting: Greeting | None = Field(None, description="Text that starts a conversation; when absent, none.")
    speed: Speed = Field(1.0, description="Speed factor of requests that name the echo and no speed.")
    pitch: Pitch = Field(1.0, description="Pitch factor of requests that name the echo and no pitch.")
    volume: Volume = Field(1.0, description="Gain factor of requests that name the echo and no volume.")
    style: Style | None = Field(
        None, description="How to speak, in words, for engines that support it; refused for voices of other engines."
    )
    pronunciations: Pronunciations = Field([], description="They take precedence over the dictionary.")


class EchoPatch(RequestBody):
    """Changes of an echo; absent fields stay unchanged, null sets a field to its default."""

    name: Name | None = Field(None, description="Cannot be null.", examples=["Grandmother"])
    persona_prompt: PersonaPrompt | None = None
    voice_id: VoiceId | None = None
    language: LanguageTag | None = None
    greeting: Greeting | None = None
    speed: Speed | None = None
    pitch: Pitch | None = None
    volume: Volume | None = None
    style: Style | None = None
    pronunciations: Pronunciations | None = None

    @model_validator(mode="after")
    def _named(self) -> "EchoPatch":
        if "name" in self.model_fields_set and self.name is None:
            raise ValueError("The name cannot be null.")
        return self

    def changes(self) -> dict[str, Any]:
        """Return the new values of the fields that are sent."""
        defaults = {name: field.get_default() for name, field in CreateEcho.model_fields.items()}
        sent = self.model_dump(exclude_unset=True)
        return {name: defaults[name] if value is None else value for name, value in sent.items()}


class EchoPronunciationView(BaseModel):
    """An echo's pronunciation of a term."""

    term: str
    respelling: str | None
    ipa: str | None
    case_sensitive: bool


class EchoFields(BaseModel):
    """The fields of an echo that its owner sets."""

    name: str
    persona_prompt: str
    voice_id: str | None = Field(description="Null for the user's selected voice.")
    language: str | None = Field(description="Null for the language of each text.")
    greeting: str | None
    speed: float
    pitch: float
    volume: float
    style: str | None
    pronunciations: list[EchoPronunciationView]
    revision: int = Field(description="1, then one more for each change; also the ETag.")


class EchoView(EchoFields):
    """An echo: a persona with a voice."""

    id: str
    user_id: str
    created_at: datetime
    updated_at: datetime


class EchoRevisionView(EchoFields):
    """An earlier state of an echo, and the time at which it began."""

    echo_id: str
    created_at: datetime
