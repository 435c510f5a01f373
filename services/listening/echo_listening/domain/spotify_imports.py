"""Imports from Spotify."""

from collections.abc import Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from echo_listening.domain.spotify_transfers import SpotifyTransfer


class ImportedPart(StrEnum):
    """A part of the user's library at Spotify, imported in this order after the playlists."""

    SAVED_TRACKS = "saved_tracks"
    TOP_ARTISTS = "top_artists"


class ImportStep(BaseModel):
    """A step of an import: a part, or the playlist with an id at Spotify."""

    model_config = ConfigDict(frozen=True)

    part: ImportedPart | None = None
    playlist: str | None = None


class SpotifyImport(SpotifyTransfer):
    """An import of parts of the user's library. `part` is the number of complete steps.

    `offset` tells how far the present step got, `track_ids` are the tracks of its playlist so far.
    """

    noun = "import"

    playlists: tuple[str, ...] = ()
    parts: tuple[ImportedPart, ...] = ()
    part: int = 0
    offset: int = 0
    track_ids: tuple[str, ...] = ()
    imported: int = 0
    skipped: int = 0
    total: int | None = None

    @property
    def steps(self) -> Sequence[ImportStep]:
        """The steps in order."""
        playlists = (ImportStep(playlist=each) for each in self.playlists)
        return (*playlists, *(ImportStep(part=each) for each in self.parts))

    def advance(self, attempt: int, imported: int, skipped: int, total: int, track_ids: Sequence[str] = ()) -> None:
        """Save that a page of a step with `total` items is imported. Raises `LeaseLostError`."""
        self.record_step(attempt)
        if self.offset == 0:
            self.total = (self.total or 0) + total
        self.offset += imported + skipped
        self.imported += imported
        self.skipped += skipped
        self.track_ids = (*self.track_ids, *track_ids)

    def finish_part(self, attempt: int) -> None:
        """Go on with the next step. Raises `LeaseLostError`."""
        self.record_step(attempt)
        self.part, self.offset, self.track_ids = self.part + 1, 0, ()
