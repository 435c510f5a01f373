"""Summaries of ratings."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from echo_common.aggregate import Aggregate
from echo_common.clock import now
from echo_common.contracts.events.feedback import VoiceRatingChanged
from echo_feedback.domain.ratings import RATINGS, Rating

Distribution = tuple[int, int, int, int, int]
"""Number of ratings of each value, from 1 to 5."""


class Subject(StrEnum):
    """Subject of a running summary."""

    VOICE = "voice"
    ENGINE = "engine"


def count_of(distribution: Distribution) -> int:
    """Return the number of ratings."""
    return sum(distribution)


def mean_of(distribution: Distribution) -> float | None:
    """Return the mean of the ratings, rounded to four decimals; None without ratings."""
    count = count_of(distribution)
    total = sum(rating * number for rating, number in zip(RATINGS, distribution, strict=True))
    return round(total / count, 4) if count else None


class Summary(Aggregate):
    """The running summary of a voice or an engine."""

    subject: Subject
    name: str
    distribution: Distribution = (0, 0, 0, 0, 0)
    revision: int = 0

    @staticmethod
    def id_of(subject: Subject, name: str) -> str:
        """Return the id of the summary of a voice or an engine."""
        return f"{subject.value}/{name}"

    @classmethod
    def empty(cls, subject: Subject, name: str) -> "Summary":
        """Create a summary without ratings."""
        return cls(id=cls.id_of(subject, name), subject=subject, name=name)

    @property
    def count(self) -> int:
        """Number of ratings."""
        return count_of(self.distribution)

    @property
    def mean(self) -> float | None:
        """Mean of the ratings; None without ratings."""
        return mean_of(self.distribution)

    def change(self, distribution: Distribution) -> bool:
        """Set the distribution; return whether it differs.

        The revision is a time in milliseconds, so that it also grows when the summary is built anew from events.
        """
        if distribution == self.distribution:
            return False
        self.distribution = distribution
        self.revision = max(self.revision + 1, int(now().timestamp() * 1000))
        if self.subject is Subject.VOICE:
            self.record(VoiceRatingChanged(voice_id=self.name, mean=self.mean or 0, count=self.count, revision=self.revision))
        return True


@dataclass
class AudioSummary:
    """The ratings of an audio in numbers."""

    distribution: Counter[int] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, ratings: Iterable[Rating]) -> "AudioSummary":
        """Summarise ratings."""
        summary = cls()
        for rating in ratings:
            if rating.rating is None:
                continue
            summary.distribution[rating.rating] += 1
            summary.categories.update(rating.categories)
            summary.reasons.update([rating.reason.value] if rating.reason else [])
        return summary

    @property
    def count(self) -> int:
        """Number of ratings."""
        return self.distribution.total()

    @property
    def mean(self) -> float | None:
        """Mean of the ratings; None without ratings."""
        one, two, three, four, five = (self.distribution[rating] for rating in RATINGS)
        return mean_of((one, two, three, four, five))
