"""HTTP API of the listening service, one module per part. Paths equal the public ones without `/api/v1`."""

from echo_listening.api import captions, features, interactions, playlists, preferences, recommendations, streams, tracks

ROUTERS = (
    tracks.router,
    features.router,
    playlists.router,
    streams.router,
    captions.router,
    interactions.router,
    preferences.router,
    recommendations.router,
)
"""One line per part, so that parts can be added side by side."""
