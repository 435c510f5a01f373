"""Request and response bodies of ratings."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, model_validator

from echo_common.contracts.http.alternatives import at_least_one
from echo_common.contracts.http.base import RequestBody
from echo_common.contracts.http.normalization import Ipa, LanguageTag, Respelling
from echo_common.contracts.http.synthesis import VoiceId

MAXIMUM_CATEGORIES = 10
AudioId = Annotated[str, StringConstraints(pattern=r"^aud_[0-9A-Z]{26}$")]
Category = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Comment = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)]

_SECONDS_LIMIT = 10_000_000
_WORDS_LIMIT = 100_000_000


class RatingReason(StrEnum):
    """Reason of a rating."""

    MISPRONOUNCED = "mispronounced"
    WRONG_PAUSE = "wrong_pause"
    NOISE = "noise"
    NOT_LIKE_ME = "not_like_me"


class RatingRequest(RequestBody):
    """A rating of an audio, of the whole or of a range of it."""

    audio_id: AudioId = Field(description="Audio to rate.", examples=["aud_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])
    rating: int = Field(strict=True, ge=1, le=5, description="Rating from 1, the worst, to 5.", examples=[4])
    comment: Comment | None = Field(None, description="Comment, for the operator.")
    categories: list[Category] = Field(
        [],
        max_length=MAXIMUM_CATEGORIES,
        description="Tags of your own: lower-case letters, digits, hyphens and underscores.",
        examples=[["natural"]],
    )
    reason: RatingReason | None = Field(None, description="Reason of the rating.")
    start_time: float | None = Field(
        None,
        ge=0,
        le=_SECONDS_LIMIT,
        description="Start of the rated range in seconds; requires `end_time`. A range of words excludes it.",
    )
    end_time: float | None = Field(
        None,
        ge=0,
        le=_SECONDS_LIMIT,
        description="End of the rated range in seconds, at most the duration of the audio; up to 0.5 s more, which players may show, "
        "are cut off.",
    )
    start_word: int | None = Field(
        None,
        strict=True,
        ge=0,
        le=_WORDS_LIMIT,
        description="Index of the first rated word, from 0; requires `end_word`. A range in seconds excludes it.",
    )
    end_word: int | None = Field(None, strict=True, ge=0, le=_WORDS_LIMIT, description="Index of the last rated word.")

    @model_validator(mode="after")
    def _whole_ranges(self) -> "RatingRequest":
        if (self.start_time is None) is not (self.end_time is None):
            raise ValueError("Send both start_time and end_time, or neither.")
        if (self.start_word is None) is not (self.end_word is None):
            raise ValueError("Send both start_word and end_word, or neither.")
        if self.start_time is not None and self.start_word is not None:
            raise ValueError("Send either start_time and end_time, or start_word and end_word.")
        if self.start_time is not None and self.end_time is not None and self.start_time >= self.end_time:
            raise ValueError("end_time must be after start_time.")
        if self.start_word is not None and self.end_word is not None and self.start_word > self.end_word:
            raise ValueError("end_word must not be before start_word.")
        return self


class AcceptDictionaryOffer(RequestBody):
    """The correct pronunciation of offered words: a respelling, IPA, or both."""

    model_config = at_least_one("respelling", "ipa")

    respelling: Respelling | None = Field(None, description="Replacement that is spoken.", examples=["hue"])
    ipa: Ipa | None = Field(None, description="Pronunciation in IPA, for engines that support it.", examples=["hju"])
    language: LanguageTag | None = Field(None, description="Limit to this language; `en` includes `en-GB`.")
    voice_id: VoiceId | None = Field(None, description="Limit to this voice.")
    case_sensitive: bool = False


class OfferCorrection(BaseModel):
    """The pronunciation with which an offer was accepted."""

    respelling: str | None
    ipa: str | None
    language: str | None
    voice_id: str | None
    case_sensitive: bool


class OfferAcceptance(BaseModel):
    """The acceptance of an offer."""

    correction: OfferCorrection
    job_id: str | None = Field(description="Job that speaks the segment again; null while it is being queued.")


class DictionaryOfferView(BaseModel):
    """The offer of a dictionary entry for words that were mispronounced."""

    term: str = Field(description="The words as written.")
    spoken: str = Field(description="The words as spoken.")
    ipa: str | None = Field(
        description="Their pronunciation in IPA, as it was prescribed or else as the engine spoke it; a dictionary entry with it "
        "speaks the same sounds. Null if the engine does not tell, such as `gemini` and `fish`."
    )
    segment: int = Field(description="Number of their segment in the audio.")
    start_word: int = Field(description="Index of the first word.")
    end_word: int = Field(description="Index of the last word.")
    acceptance: OfferAcceptance | None = Field(None, description="Present once the offer is accepted.")


class RatingView(BaseModel):
    """A rating of an audio."""

    id: str
    user_id: str | None = Field(description="The user who rated; null once the user is erased.")
    audio_id: str | None = Field(description="The rated audio; null once the user is erased.")
    voice_id: str
    engine: str
    rating: int = Field(description="Rating from 1 to 5.")
    comment: str | None = None
    categories: list[str] = []
    reason: RatingReason | None = None
    start_time: float | None = None
    end_time: float | None = None
    start_word: int | None = None
    end_word: int | None = None
    offer: DictionaryOfferView | None = Field(None, description="Offer of a dictionary entry for mispronounced words.")
    created_at: datetime
    updated_at: datetime


class RatingTotals(BaseModel):
    """The ratings of a voice or an engine in numbers; those of erased users included."""

    subject: Literal["voice", "engine"]
    name: str = Field(description="Id of the voice, or name of the engine.")
    count: int = Field(description="Number of ratings.")
    mean: float | None = Field(description="Mean of the ratings; null without ratings.")
    distribution: dict[str, int] = Field(description="Number of ratings by rating, `1` to `5`.")
    updated_at: datetime = Field(description="Time of the last change.")


class RatingSummary(BaseModel):
    """The ratings of an audio in numbers."""

    audio_id: str
    count: int = Field(description="Number of ratings.")
    mean: float | None = Field(description="Mean of the ratings; null without ratings.")
    distribution: dict[str, int] = Field(description="Number of ratings by rating, `1` to `5`.")
    categories: dict[str, int] = Field(description="Number of ratings by category.")
    reasons: dict[str, int] = Field(description="Number of ratings by reason.")
