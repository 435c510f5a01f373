"""Endpoints for preferences (`/preferences`)."""

from typing import Any, Final

from echo_common.auth.dependencies import ListeningReader, ListeningWriter
from echo_common.contracts.errors.tracks import TrackNotFoundError
from echo_common.contracts.http.preferences import FeatureTargets, PreferencesRequest, PreferencesView
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_listening.api.dependencies import Deps
from echo_listening.usecases import preferences
from echo_listening.views.preferences import preferences_view

_TARGETS: Final = dict.fromkeys(FeatureTargets.model_fields)
_STATED: Final[dict[str, Any]] = {"top_tracks": [], "top_artists": ["Nina Simone"], "genres": ["jazz"], "features": _TARGETS}
_DERIVED: Final[dict[str, Any]] = {
    "top_tracks": ["track_01KANJVB3ZJ4N6T2Q8W5X7Y9ZA"],
    "top_artists": [],
    "genres": [],
    "features": _TARGETS | {"energy": 0.6102, "tempo": 118.02},
}
_PREFERENCES: Final[dict[str, Any]] = {
    "user_id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "top_tracks": _DERIVED["top_tracks"],
    "top_artists": _STATED["top_artists"],
    "genres": _STATED["genres"],
    "features": _DERIVED["features"],
    "stated": _STATED,
    "derived": _DERIVED,
    "last_updated": "2026-01-31T10:00:05Z",
}

router = PublicRouter("preferences")


@router.endpoint("GET", "/preferences", example=enveloped(_PREFERENCES))
async def get_preferences(principal: ListeningReader, deps: Deps) -> Success[PreferencesView]:
    """Get the user's preferences.

    Stated preferences come first, then those derived from interactions.
    """
    return ok(preferences_view(principal.user_id, await preferences.find_preferences(principal, deps)))


@router.endpoint("PUT", "/preferences", idempotent=True, errors=(TrackNotFoundError,), example=enveloped(_PREFERENCES))
async def replace_preferences(body: PreferencesRequest, principal: ListeningWriter, deps: Deps) -> Success[PreferencesView]:
    """Replace the stated preferences."""
    return ok(preferences_view(principal.user_id, await preferences.state_preferences(body, principal, deps)))


@router.endpoint(
    "DELETE", "/preferences", idempotent=True, example=enveloped(None, message="The stated preferences are deleted.")
)
async def delete_preferences(principal: ListeningWriter, deps: Deps) -> Success[None]:
    """Delete the stated preferences; derived ones remain."""
    await preferences.delete_stated(principal, deps)
    return ok(None, message="The stated preferences are deleted.")
