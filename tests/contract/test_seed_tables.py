"""docs/seeds.md explains every field of the tables of audotics-schema.md that Echo lacks or names otherwise."""

import json
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pytest
from pydantic import BaseModel

from echo_common.contracts.http.auth import UserView
from echo_common.contracts.http.features import FeaturesView
from echo_common.contracts.http.group_sessions import GroupSessionView
from echo_common.contracts.http.interactions import InteractionView
from echo_common.contracts.http.playlists import PlaylistUpdateView, PlaylistView
from echo_common.contracts.http.preferences import PreferencesView
from echo_common.contracts.http.tracks import TrackView
from echo_common.outbox.repository import Repository
from echo_listening.repository.group_sessions import GroupSessions
from echo_listening.repository.playlists import Playlists, PlaylistUpdates
from echo_listening.repository.preferences import PreferencesOfUsers
from echo_listening.repository.spotify import SpotifyLinks
from echo_listening.repository.tracks import Tracks
from tests.contract.test_promises import ROOT

SECTION = (ROOT / "docs/seeds.md").read_text().split("## audotics-schema.md\n")[1].split("\n## ")[0]
ROW = re.compile(r"^\| (\w+) \| `GET ([^`]+)` \| (.+) \|$", re.MULTILINE)
ROWS = {row[1]: (row[2], row[3]) for row in ROW.finditer(SECTION)}

_CREATED_AND_UPDATED = ("created_at", "updated_at")
TABLES: Mapping[str, tuple[type[BaseModel], Sequence[str]]] = MappingProxyType(
    {
        "User": (
            UserView,
            (
                *("id", "email", "name", "password", "avatar", *_CREATED_AND_UPDATED),
                *("spotify_id", "spotify_access_token", "spotify_refresh_token", "spotify_token_expiry"),
            ),
        ),
        "UserPreference": (
            PreferencesView,
            ("id", "user_id", "top_tracks", "top_artists", "genres", "features", "last_updated"),
        ),
        "GroupSession": (GroupSessionView, ("id", "name", "active", *_CREATED_AND_UPDATED)),
        "Playlist": (
            PlaylistView,
            ("id", "spotify_id", "name", "description", "creator_id", "session_id", *_CREATED_AND_UPDATED),
        ),
        "Track": (TrackView, ("id", "spotify_id", "name", "artists", "album", "popularity", *_CREATED_AND_UPDATED)),
        "TrackFeatures": (
            FeaturesView,
            (
                *("id", "track_id", "danceability", "energy", "key", "loudness", "mode", "speechiness", "acousticness"),
                *("instrumentalness", "liveness", "valence", "tempo", "updated_at"),
            ),
        ),
        "TrackInteraction": (InteractionView, ("id", "user_id", "track_id", "type", "timestamp")),
        "PlaylistUpdate": (PlaylistUpdateView, ("id", "playlist_id", "type", "track_id", "user_id", "timestamp")),
    }
)
"""The fields of each table in snake case, and the response that has them."""

INDEXES: Sequence[tuple[type[Repository[Any]], str]] = (
    (SpotifyLinks, "spotify_user_id"),
    (PreferencesOfUsers, "user_id"),
    (PreferencesOfUsers, "top_artists"),
    (PreferencesOfUsers, "genres"),
    (GroupSessions, "active"),
    (GroupSessions, "created_at"),
    (Playlists, "creator_id"),
    (Playlists, "session_id"),
    (Playlists, "created_at"),
    (Tracks, "spotify_id"),
    (PlaylistUpdates, "playlist_id"),
)
"""Indexed fields of the document, by the repository that has them."""


def test_the_page_lists_all_tables() -> None:
    assert sorted(ROWS) == sorted(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_every_field_is_there_or_its_difference_is_explained(table: str) -> None:
    view, fields = TABLES[table]
    endpoint, differences = ROWS[table]
    assert endpoint in json.loads((ROOT / "docs/api/openapi.json").read_text())["paths"]
    explained = set(re.findall(r"`([^`]+)`", differences))

    assert [name for name in fields if name not in view.model_fields and name not in explained] == []


@pytest.mark.parametrize(("repository", "field"), INDEXES)
def test_indexes_of_the_document_exist(repository: type[Repository[Any]], field: str) -> None:
    assert field in [index.fields[0][0] for index in repository.indexes]
