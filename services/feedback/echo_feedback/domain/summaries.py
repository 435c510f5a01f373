"""Summaries of ratings."""

from collections import Counter
from collections.abc import Iterable, Mapping
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


SummaryKey = tuple[Subject, str]
"""Subject and name of a summary: the id of the voice, or the name of the engine."""


@dataclass(frozen=True, slots=True)
class Vote:
    """The part of a rating in a summary, as of a revision of the rating; `rating` is None if it does not count."""

    rating_id: str
    revision: int
    rating: int | None


def compute_mean(distribution: Distribution) -> float | None:
    """Return the mean of the ratings, rounded to four decimals; None without ratings."""
    count = sum(distribution)
    total = sum(rating * number for rating, number in zip(RATINGS, distribution, strict=True))
    return round(total / count, 4) if count else None


class Summary(Aggregate):
    """The running summary of a voice or an engine.

    `latest` are the votes that the latest change counted: one write counts them and notes that they are counted. Before the next
    change they are stored elsewhere. `epoch` names the stored votes that the summary contains: those of a lost collection, or of
    the time before votes were stored, do not count in another epoch.
    """

    subject: Subject
    name: str
    distribution: Distribution = (0, 0, 0, 0, 0)
    revision: int = 0
    latest: tuple[Vote, ...] = ()
    epoch: str = ""

    @staticmethod
    def id_of(subject: Subject, name: str) -> str:
        """Return the id of the summary of a voice or an engine."""
        return f"{subject.value}/{name}"

    @classmethod
    def create(cls, subject: Subject, name: str) -> "Summary":
        """Create a summary without ratings."""
        return cls(id=cls.id_of(subject, name), subject=subject, name=name)

    @property
    def count(self) -> int:
        """Number of ratings."""
        return sum(self.distribution)

    @property
    def mean(self) -> float | None:
        """Mean of the ratings; None without ratings."""
        return compute_mean(self.distribution)

    def start_epoch(self, epoch: str) -> None:
        """Forget the votes of another epoch, which are counted anew; the mean is published with the first of these."""
        if self.epoch != epoch:
            self.epoch, self.distribution, self.latest = epoch, (0, 0, 0, 0, 0), ()

    def finish_epoch(self, epoch: str) -> None:
        """Remove the votes of another epoch, of which none was counted anew."""
        if self.epoch != epoch:
            self.epoch, self.latest = epoch, ()
            self._change((0, 0, 0, 0, 0))

    def count_votes(self, votes: Iterable[Vote], known: Mapping[str, Vote]) -> bool:
        """Count votes in place of the earlier ones of their ratings; return whether any of them is later than those.

        Args:
            votes: The votes.
            known: The stored votes by rating, besides the latest ones.
        """
        counted = {**known, **{vote.rating_id: vote for vote in self.latest}}
        distribution, new = list(self.distribution), dict[str, Vote]()
        for vote in votes:
            before = counted.get(vote.rating_id)
            if before is not None and before.revision >= vote.revision:
                continue
            if before is not None and before.rating is not None:
                distribution[before.rating - 1] -= 1
            if vote.rating is not None:
                distribution[vote.rating - 1] += 1
            counted[vote.rating_id] = new[vote.rating_id] = vote
        if not new:
            return False
        self.latest = tuple(new.values())
        one, two, three, four, five = distribution
        self._change((one, two, three, four, five))
        return True

    def _change(self, distribution: Distribution) -> None:
        """Set the distribution and publish the mean of a voice, if it differs.

        The revision is a time in milliseconds, so that it also grows when the summary is built anew.
        """
        if distribution == self.distribution:
            return
        self.distribution = distribution
        self.revision = max(self.revision + 1, int(now().timestamp() * 1000))
        if self.subject is Subject.VOICE:
            self.record(VoiceRatingChanged(voice_id=self.name, mean=self.mean or 0, count=self.count, revision=self.revision))


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
        return compute_mean((one, two, three, four, five))
