"""HTTP API of the listening service, one module per part. Paths equal the public ones without `/api/v1`."""

from echo_listening.api import (
    captions,
    features,
    group_sessions,
    interactions,
    live_sessions,
    playlists,
    preferences,
    recommendations,
    spotify,
    streams,
    tracks,
)

ROUTERS = (
    tracks.router,
    features.router,
    playlists.router,
    streams.router,
    captions.router,
    group_sessions.router,
    live_sessions.router,
    interactions.router,
    preferences.router,
    recommendations.router,
    spotify.router,
)
"""One line per part, so that parts can be added side by side."""
