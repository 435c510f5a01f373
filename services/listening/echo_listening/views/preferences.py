"""Views of preferences."""

from echo_common.contracts.http.preferences import PreferencesView, PreferredItems
from echo_listening.domain.preferences import Preferences
from echo_listening.domain.taste import Taste


def preferences_view(user_id: str, preferences: Preferences | None) -> PreferencesView:
    """Build the view of a user's preferences, which may be none."""
    held = preferences or Preferences.of_user(user_id)
    return PreferencesView(
        user_id=user_id,
        top_tracks=list(held.top_tracks),
        top_artists=list(held.top_artists),
        genres=list(held.genres),
        features=held.features,
        stated=_items(held.all_stated),
        derived=_items(held.derived),
        last_updated=None if preferences is None else preferences.last_updated,
    )


def _items(taste: Taste) -> PreferredItems:
    return PreferredItems(
        top_tracks=list(taste.top_tracks),
        top_artists=list(taste.top_artists),
        genres=list(taste.genres),
        features=taste.features,
    )
