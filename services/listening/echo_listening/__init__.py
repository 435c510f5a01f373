"""The listening service: tracks, playlists and group sessions."""
