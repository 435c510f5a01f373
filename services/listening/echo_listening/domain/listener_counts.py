"""Counts of the users who listen to tracks of Spotify, which may therefore be recommended to others."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final

LEAST_LISTENERS: Final = 3
"""Number of other users who must have liked or completed a track of Spotify before it is recommended to a user."""


def count_listeners(tracks_of_users: Iterable[Collection[str]]) -> Mapping[str, float]:
    """Return the share of listeners, relative to the track with most, of each track that enough users listen to.

    Args:
        tracks_of_users: The Spotify ids of the known tracks of each user but the one to whom they are recommended.
    """
    counts = Counter(spotify_id for known in tracks_of_users for spotify_id in set(known))
    most = max(counts.values(), default=0)
    return {spotify_id: count / most for spotify_id, count in counts.items() if count >= LEAST_LISTENERS}
