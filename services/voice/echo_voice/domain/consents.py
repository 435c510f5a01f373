"""Consent of a speaker to the cloning of their voice. Each voice model refers to one."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from echo_common.aggregate import Aggregate
from echo_common.clock import now
from echo_common.contracts.events.voice import ConsentRevoked
from echo_common.ids import new_id

STATEMENT_VERSION = "1"
ATTESTATION = "I am the owner of this voice, or I have its owner's permission to clone it with Echo."
UPLOAD_STATEMENT = f"By uploading through the Echo API: {ATTESTATION}"
"""Statement of requests that need no explicit consent."""
SPOKEN = "I am the owner of this voice and I agree that Echo makes a clone of it. Today's words are: {words}."
_WORDS = [
    "amber",
    "apple",
    "arrow",
    "autumn",
    "basket",
    "bridge",
    "butter",
    "candle",
    "canyon",
    "castle",
    "cherry",
    "circle",
    "cotton",
    "dragon",
    "eagle",
    "engine",
    "falcon",
    "feather",
    "flower",
    "forest",
    "garden",
    "ginger",
    "guitar",
    "hammer",
    "harbor",
    "helmet",
    "honey",
    "island",
    "jacket",
    "jungle",
    "ladder",
    "lemon",
    "maple",
    "marble",
    "market",
    "meadow",
    "mirror",
    "monkey",
    "morning",
    "mountain",
    "needle",
    "ocean",
    "orange",
    "paper",
    "pencil",
    "pepper",
    "piano",
    "planet",
    "pocket",
    "purple",
    "rabbit",
    "river",
    "rocket",
    "saddle",
    "silver",
    "spider",
    "summer",
    "sunset",
    "table",
    "thunder",
    "tiger",
    "tomato",
    "tunnel",
    "turtle",
    "velvet",
    "violin",
    "walnut",
    "window",
    "winter",
    "yellow",
]


class SpokenProof(BaseModel):
    """Evidence of a spoken consent: the recognised words of the phrase, and the similarity to the samples."""

    model_config = ConfigDict(frozen=True)

    sample_id: str
    heard: str
    words_heard: int
    words_asked: int
    similarity: float | None


class Phrase(Aggregate):
    """A statement with random words for one user to read aloud; valid for a day."""

    user_id: str
    words: Sequence[str]

    @classmethod
    def draw(cls, user_id: str) -> "Phrase":
        """Create a phrase of six random words."""
        source = secrets.SystemRandom()
        return cls(id=new_id("phr"), user_id=user_id, words=source.sample(_WORDS, 6))

    @property
    def text(self) -> str:
        """The statement to read aloud."""
        return SPOKEN.format(words=", ".join(self.words))


class Consent(Aggregate):
    """A consent: the user, the statement, the time, and the evidence."""

    user_id: str
    kind: Literal["attested", "spoken"]
    statement: str
    statement_version: str = STATEMENT_VERSION
    proof: SpokenProof | None = None
    revoked_at: datetime | None = None

    def revoke(self) -> None:
        """Revoke the consent; idempotent."""
        if self.revoked_at is None:
            self.revoked_at = now()
            self.record(ConsentRevoked(consent_id=self.id, user_id=self.user_id))
