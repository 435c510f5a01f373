"""Exports of playlists to Spotify."""

from echo_listening.domain.spotify_transfers import SpotifyTransfer


class SpotifyExport(SpotifyTransfer):
    """An export of a playlist as it was when the export was queued.

    `spotify_track_ids` are Spotify's ids of its tracks in order, `left_out` the ids of tracks that Spotify does not have, and
    `spotify_id` the id of the new playlist at Spotify, once it exists.
    """

    noun = "export"

    playlist_id: str
    name: str
    description: str | None = None
    public: bool = False
    spotify_track_ids: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    spotify_id: str | None = None
    exported: int = 0

    def create_playlist(self, attempt: int, spotify_id: str) -> None:
        """Save the id of the new playlist at Spotify. Raises `LeaseLostError`."""
        self.record_step(attempt)
        self.spotify_id = spotify_id

    def advance(self, attempt: int, exported: int) -> None:
        """Save the number of tracks that the playlist at Spotify has. Raises `LeaseLostError`."""
        self.record_step(attempt)
        self.exported = exported

    def complete_with(self, attempt: int, exported: int) -> None:
        """Complete the export with this number of tracks. Raises `LeaseLostError`."""
        self.advance(attempt, exported)
        self.complete(attempt)
