"""Top artists of linked accounts of Spotify in preferences."""

from contextlib import suppress

from echo_common.errors import NotFoundError
from echo_listening.dependencies import Dependencies


async def use_top_artists(user_id: str, deps: Dependencies) -> None:
    """Use the top artists of the user's link, or none without a link, in the preferences; idempotent.

    The link is read again after the write: of concurrent changes, the last one is used.
    """
    artists = await _top_artists(user_id, deps)
    while True:
        await _write(user_id, artists, deps)
        present = await _top_artists(user_id, deps)
        if present == artists:
            return
        artists = present


async def _top_artists(user_id: str, deps: Dependencies) -> tuple[str, ...]:
    link = await deps.spotify_links.find_one({"_id": user_id})
    return () if link is None else link.top_artists


async def _write(user_id: str, artists: tuple[str, ...], deps: Dependencies) -> None:
    if artists:
        await deps.preferences.change(user_id, lambda held: held.use_spotify_artists(artists))
        return
    with suppress(NotFoundError):  # no preferences, so no artists
        await deps.preferences.update(user_id, lambda held: held.use_spotify_artists(()))
