"""Events published by listening."""

from typing import ClassVar

from echo_common.contracts.error_logged import ErrorLogged
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.values import AnalysisStatus, InteractionType, PlaylistUpdateType


class TrackAnalysed(DomainEvent):
    """The analysis of a track has ended. `audio_counter` tells which revision of its audio was analysed."""

    topic: ClassVar[str] = "listening.track_analysed"

    track_id: str
    user_id: str
    status: AnalysisStatus
    audio_counter: int


class TrackUploaded(DomainEvent):
    """A user uploaded a track."""

    topic: ClassVar[str] = "listening.track_uploaded"

    track_id: str
    user_id: str


class TrackDeleted(DomainEvent):
    """A track was deleted: by its owner, with its audio, or with its owner."""

    topic: ClassVar[str] = "listening.track_deleted"

    track_id: str
    user_id: str


class PlaylistUpdated(DomainEvent):
    """A playlist was created or has another state. `track_ids` are the tracks concerned; without a `user_id`, the platform did it."""

    topic: ClassVar[str] = "listening.playlist_updated"

    playlist_id: str
    revision: int
    type: PlaylistUpdateType
    track_ids: tuple[str, ...]
    user_id: str | None


class PlaylistDeleted(DomainEvent):
    """A playlist was deleted by its owner, or with its owner."""

    topic: ClassVar[str] = "listening.playlist_deleted"

    playlist_id: str
    user_id: str


class InteractionRecorded(DomainEvent):
    """A user interacted with a track."""

    topic: ClassVar[str] = "listening.interaction_recorded"

    user_id: str
    track_id: str
    type: InteractionType


class GroupSessionStarted(DomainEvent):
    """A user has started a group session, whose host the user is."""

    topic: ClassVar[str] = "listening.group_session_started"

    session_id: str
    playlist_id: str
    user_id: str


class GroupSessionEnded(DomainEvent):
    """A group session has ended. `user_id` is its last host."""

    topic: ClassVar[str] = "listening.group_session_ended"

    session_id: str
    playlist_id: str
    user_id: str


class GroupSessionChanged(DomainEvent):
    """A group session has another state or other members."""

    topic: ClassVar[str] = "listening.group_session_changed"
    transient: ClassVar[bool] = True

    session_id: str
    revision: int


class GroupSessionReaction(DomainEvent):
    """A member of a group session has reacted to the item that plays. Position and time are milliseconds of the session clock."""

    topic: ClassVar[str] = "listening.group_session_reaction"
    transient: ClassVar[bool] = True

    session_id: str
    user_id: str
    reaction: str
    item_id: str | None
    position: int
    at: int


class SpotifyLinked(DomainEvent):
    """A user linked an account of Spotify."""

    topic: ClassVar[str] = "listening.spotify_linked"

    user_id: str


class SpotifyUnlinked(DomainEvent):
    """A user unlinked the account of Spotify."""

    topic: ClassVar[str] = "listening.spotify_unlinked"

    user_id: str


class ListeningUserDataErased(DomainEvent):
    """The listening service has erased everything of a deleted user."""

    topic: ClassVar[str] = "listening.user_data_erased"

    user_id: str


class ListeningErrorLogged(ErrorLogged):
    """The listening service logged errors."""

    topic: ClassVar[str] = "listening.error_logged"
