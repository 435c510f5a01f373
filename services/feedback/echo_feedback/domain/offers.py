"""Offers of dictionary entries for words that were mispronounced."""

from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict

_CLAIM: Final = timedelta(minutes=1)


class Correction(BaseModel):
    """A pronunciation that the user has chosen for the words of an offer, and its scope."""

    model_config = ConfigDict(frozen=True)

    respelling: str | None = None
    ipa: str | None = None
    language: str | None = None
    voice_id: str | None = None
    case_sensitive: bool = False


class Acceptance(BaseModel):
    """The acceptance of an offer. `job_id` is the job that speaks the segment again; None until it is queued."""

    model_config = ConfigDict(frozen=True)

    correction: Correction
    claimed_at: datetime
    job_id: str | None = None

    def excludes(self, correction: Correction, moment: datetime) -> bool:
        """Return whether another correction comes too late: this one is queued, or is being queued."""
        return correction != self.correction and (self.job_id is not None or moment - self.claimed_at < _CLAIM)


class DictionaryOffer(BaseModel):
    """An offer of a dictionary entry: the words as written and as spoken, their IPA if known, and their segment."""

    model_config = ConfigDict(frozen=True)

    segment: int
    segment_checksum: str
    term: str
    spoken: str
    ipa: str | None = None
    start_word: int
    end_word: int
    acceptance: Acceptance | None = None
