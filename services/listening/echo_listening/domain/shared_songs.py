"""Tracks of Spotify that several users listen to, and that others may therefore learn of."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

LEAST_LISTENERS: Final = 3
"""Number of other users who must have liked or completed a track of Spotify before it is recommended to a user."""


@dataclass(frozen=True, slots=True)
class Song:
    """What Spotify publishes of a track; nothing that a user has added to it, such as genres."""

    spotify_id: str
    name: str
    artists: tuple[str, ...] = ()
    album: str | None = None
    popularity: int | None = None
    duration: float | None = None
    cover_url: str | None = None


def count_listeners(songs_of_users: Iterable[Collection[str]]) -> Mapping[str, float]:
    """Return the share of listeners, relative to the song with most, of each song that enough users listen to.

    Args:
        songs_of_users: The Spotify ids of the songs of each user but the one to whom they are recommended.
    """
    counts = Counter(song for songs in songs_of_users for song in set(songs))
    most = max(counts.values(), default=0)
    return {song: count / most for song, count in counts.items() if count >= LEAST_LISTENERS}
