"""Dependencies of routes, use cases and event handlers."""

from collections.abc import Sequence
from dataclasses import dataclass

from echo_common.auth.tickets import Tickets
from echo_common.bus.port import Bus
from echo_common.challenges import Challenges
from echo_common.encryption import Encryption
from echo_common.faults import FaultPoints
from echo_common.http.user_slots import UserSlots
from echo_common.metrics import GroupSessionMetrics
from echo_common.quotas.counters import Quotas
from echo_common.recipients import Recipients
from echo_common.scratch import Scratch
from echo_common.storage.measured_size import MeasuredSize
from echo_common.storage.port import ObjectStore
from echo_common.user_data.erasure import UserErasure
from echo_common.user_data.export import ExportableUserData
from echo_common.work.worker import Worker
from echo_listening.feature_analyser import FeatureAnalyser
from echo_listening.live.clock import SessionClock
from echo_listening.live.idle import IdleSessions
from echo_listening.live.sessions import LiveSessions
from echo_listening.may_hear import MayHear
from echo_listening.repository.analyses import Analyses
from echo_listening.repository.captions import Captions
from echo_listening.repository.group_sessions import GroupSessions, JoinAttempts, Presence
from echo_listening.repository.interactions import Interactions
from echo_listening.repository.playlists import Playlists, PlaylistUpdates
from echo_listening.repository.preferences import PreferencesOfUsers
from echo_listening.repository.spotify import SpotifyExports, SpotifyImports, SpotifyLinks
from echo_listening.repository.tracks import AudioChanges, Tracks
from echo_listening.settings import ListeningSettings
from echo_listening.speech_captions import SpeechCaptions
from echo_listening.spotify_api import SpotifyApi
from echo_listening.streams.joining import TrackJoiner
from echo_listening.upload_reader import UploadReader


@dataclass(frozen=True, slots=True)
class Spotify:
    """The configured app at Spotify, and the encryption of its users' tokens."""

    api: SpotifyApi
    encryption: Encryption


@dataclass(frozen=True)
class Dependencies:
    """The dependencies of routes, use cases and event handlers, opened once. `may_hear` are the rules of shared tracks."""

    settings: ListeningSettings
    objects: ObjectStore
    erasure: UserErasure
    user_data: ExportableUserData
    faults: FaultPoints
    tracks: Tracks
    audio_changes: AudioChanges
    may_hear: Sequence[MayHear]
    upload_reader: UploadReader
    upload_slots: UserSlots
    quotas: Quotas
    stored_bytes: MeasuredSize
    analyses: Analyses
    playlists: Playlists
    playlist_updates: PlaylistUpdates
    recipients: Recipients
    group_sessions: GroupSessions
    presence: Presence
    join_attempts: JoinAttempts
    session_clock: SessionClock
    live_sessions: LiveSessions
    idle_sessions: IdleSessions
    group_session_metrics: GroupSessionMetrics
    bus: Bus
    analyser: FeatureAnalyser
    streams: TrackJoiner
    tickets: Tickets
    captions: Captions
    speech_captions: SpeechCaptions
    interactions: Interactions
    preferences: PreferencesOfUsers
    spotify: Spotify | None
    spotify_links: SpotifyLinks
    spotify_states: Challenges
    spotify_imports: SpotifyImports
    spotify_exports: SpotifyExports
    public_url: str
    scratch: Scratch
    worker: Worker
