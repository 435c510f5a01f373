"""Preferences of a user: stated ones, those derived from interactions, and the task that derives them."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from pydantic import Field

from echo_common.clock import now
from echo_common.contracts.http.preferences import FeatureTargets
from echo_common.contracts.values import JobStatus
from echo_common.work.task import Progress, Task
from echo_listening.domain.taste import Taste

_COLLECTED: Final = timedelta(seconds=1)
"""Time for which further interactions of the user are collected before preferences are derived."""


class Preferences(Task):
    """The preferences of a user, whose id it has. `top_tracks` and the fields after it combine stated and derived ones.

    `excluded` are the tracks that are not recommended, `known` those that the user has liked or completed, and
    `known_spotify_ids` the Spotify ids of these. `spotify_artists` are the top artists of the linked account of Spotify. `repeat`
    tells that there were interactions since the present attempt began: it is followed by another one, rather than cancelled, so
    that many interactions do not prevent every derivation.
    """

    status_field = "status"
    noun = "derivation of preferences"

    status: JobStatus = JobStatus.PENDING
    due_at: datetime = Field(default_factory=now)
    repeat: bool = False
    stated: Taste = Taste()
    spotify_artists: tuple[str, ...] = ()
    derived: Taste = Taste()
    excluded: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    known_spotify_ids: tuple[str, ...] = ()
    top_tracks: tuple[str, ...] = ()
    top_artists: tuple[str, ...] = ()
    genres: tuple[str, ...] = ()
    features: FeatureTargets = FeatureTargets()
    last_updated: datetime = Field(default_factory=now)

    @classmethod
    def of_user(cls, user_id: str) -> "Preferences":
        """Create empty preferences, which are to be derived."""
        return cls(id=user_id, user_id=user_id, due_at=now() + _COLLECTED)

    @property
    def all_stated(self) -> Taste:
        """The stated preferences, with the top artists at Spotify."""
        return self.stated.followed_by(Taste(top_artists=self.spotify_artists))

    @property
    def earliest_start(self) -> datetime:
        """The time before which interactions are collected."""
        return self.due_at

    def request_derivation(self) -> None:
        """Derive the preferences again, after a moment in which further interactions are collected."""
        if self.status is JobStatus.PROCESSING:
            self.repeat = True
        elif self.status.terminal:
            self.due_at = now() + _COLLECTED
            self.restart()

    def discard_derived(self) -> None:
        """Remove the derived preferences; an attempt that has read the deleted interactions loses its lease."""
        self.derived, self.due_at = Taste(), now()
        self.excluded = self.known = self.known_spotify_ids = ()
        self._combine()
        self.restart()

    def state(self, taste: Taste) -> None:
        """Replace the stated preferences."""
        self.stated = taste
        self._combine()

    def use_spotify_artists(self, artists: tuple[str, ...]) -> None:
        """Use the top artists of the linked account of Spotify after the stated ones."""
        self.spotify_artists = artists
        self._combine()

    def remove_tracks(self, track_ids: Collection[str]) -> None:
        """Remove deleted tracks, and derive the preferences again."""
        self.stated, self.derived = (_without(track_ids, taste) for taste in (self.stated, self.derived))
        self._combine()
        self.request_derivation()

    def complete(
        self,
        attempt: int,
        derived: Taste,
        *,
        excluded: tuple[str, ...] = (),
        known: tuple[str, ...] = (),
        known_spotify_ids: tuple[str, ...] = (),
    ) -> None:
        """Save derived preferences. Raises `LeaseLostError`."""
        self.require_lease(attempt)
        if derived != self.derived:
            self.derived = derived
            self._combine()
        self.excluded, self.known, self.known_spotify_ids = excluded, known, known_spotify_ids
        self.losses = 0
        self.end(JobStatus.COMPLETED)
        if self.repeat:
            self.due_at = now() + _COLLECTED
            self.restart()

    def on_queued(self) -> None:
        """Read the interactions from now on."""
        self.repeat = False

    def on_claimed(self) -> None:
        """Record nothing: an attempt has no steps."""

    def on_progress(self, progress: Progress) -> bool:
        """Return False: an attempt has no steps."""
        return False

    def on_failed(self, code: str, message: str) -> None:
        """Record nothing: the next interaction derives the preferences again."""

    def on_cancelled(self) -> None:
        """Record nothing: preferences are deleted, and never cancelled."""

    def _combine(self) -> None:
        taste = self.all_stated.followed_by(self.derived)
        self.top_tracks, self.top_artists = taste.top_tracks, taste.top_artists
        self.genres, self.features = taste.genres, taste.features
        self.last_updated = now()


def _without(track_ids: Collection[str], taste: Taste) -> Taste:
    return taste.model_copy(update={"top_tracks": tuple(one for one in taste.top_tracks if one not in track_ids)})
