"""HTTP API of the listening service, one module per part. Paths equal the public ones without `/api/v1`."""

from echo_listening.api import features, interactions, preferences, recommendations, tracks

ROUTERS = (tracks.router, features.router, interactions.router, preferences.router, recommendations.router)
"""One line per part, so that parts can be added side by side."""
