"""Dependencies of the listening service: opened with its adapters, closed in reverse order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from echo_common.auth.tickets import Tickets
from echo_common.challenges import Challenges
from echo_common.contracts.events.listening import ListeningUserDataErased
from echo_common.contracts.values import Metric
from echo_common.encryption import Encryption
from echo_common.http.user_slots import UserSlots
from echo_common.quotas.counters import Quotas
from echo_common.recipients import Recipients
from echo_common.service import Adapters
from echo_common.storage.measured_size import MeasuredSize
from echo_common.storage.orphans import OrphanSweeper
from echo_common.user_data.erasure import ErasedUsers, UserErasure
from echo_common.work.queue import WorkQueue
from echo_common.work.worker import Worker
from echo_listening.dependencies import Dependencies, Spotify
from echo_listening.features.analyser import SandboxedFeatureAnalyser
from echo_listening.live.clock import SessionClock
from echo_listening.live.idle import IdleSessions
from echo_listening.live.sessions import LiveSessions
from echo_listening.repository.analyses import Analyses
from echo_listening.repository.captions import Captions
from echo_listening.repository.group_sessions import GroupSessions, JoinAttempts, Presence
from echo_listening.repository.interactions import Interactions
from echo_listening.repository.playlists import Playlists, PlaylistUpdates
from echo_listening.repository.preferences import PreferencesOfUsers
from echo_listening.repository.spotify import SpotifyExports, SpotifyImports, SpotifyLinks, SpotifyPause
from echo_listening.repository.tracks import AudioChanges, Tracks
from echo_listening.settings import SECRET_SETTING, ListeningSettings
from echo_listening.speech_captions import SpeechCaptions, open_speech_captions
from echo_listening.spotify.client import SpotifyClient
from echo_listening.streams.decoder import SandboxedTrackDecoder
from echo_listening.streams.joining import OpenStreams, TrackJoiner
from echo_listening.uploads.reader import SandboxedUploadReader
from echo_listening.usecases.features import perform_analysis
from echo_listening.usecases.preferences import perform_derivation
from echo_listening.usecases.spotify_exports import perform_export
from echo_listening.usecases.spotify_imports import perform_import
from echo_listening.usecases.uploads import object_owners
from echo_listening.user_data import ListeningUserData
from echo_listening.user_data.captions import CaptionsOfUser
from echo_listening.user_data.features import FeaturesOfUser
from echo_listening.user_data.group_sessions import GroupSessionsOfUser
from echo_listening.user_data.interactions import InteractionsOfUser
from echo_listening.user_data.playlists import PlaylistsOfUser
from echo_listening.user_data.preferences import PreferencesOfUser
from echo_listening.user_data.spotify import SpotifyOfUser
from echo_listening.user_data.tickets import TicketsOfUser
from echo_listening.user_data.tracks import TracksOfUser

_DERIVATIONS_AT_ONCE: Final = 2
_SPOTIFY_TOKENS: Final = "spotify tokens"
_UPLOADS_AT_ONCE: Final = 2
_WAITING_UPLOADS: Final = 3
"""Further uploads of a user that wait for the one that is being decoded."""


@asynccontextmanager
async def open_dependencies(settings: ListeningSettings, adapters: Adapters) -> AsyncIterator[Dependencies]:
    """Open the dependencies; perform tasks and erase deleted users while the context lasts."""
    pause = SpotifyPause(adapters.store)
    await pause.prepare()
    async with (
        open_speech_captions(settings.synthesis_url) as speech_captions,
        SpotifyClient.open(settings, adapters.public_url, pause) as spotify,
    ):
        deps = await _open(settings, adapters, speech_captions, spotify)
        orphans = OrphanSweeper(adapters.objects, object_owners(deps), adapters.orphan_seconds)
        async with (
            deps.worker.running(_work_queues(deps)),
            orphans.running(),
            deps.erasure.running(),
            deps.session_clock.running(),
            deps.live_sessions.running(),
            deps.idle_sessions.running(),
        ):
            yield deps


def _work_queues(deps: Dependencies) -> list[WorkQueue[Any]]:
    """Return the work queues, one line per part."""
    return [
        WorkQueue("analyses", deps.analyses, partial(perform_analysis, deps), slots=deps.settings.analyses_at_once),
        WorkQueue("preferences", deps.preferences, partial(perform_derivation, deps), slots=_DERIVATIONS_AT_ONCE),
        *_spotify_queues(deps),
    ]


def _spotify_queues(deps: Dependencies) -> list[WorkQueue[Any]]:
    if deps.spotify is None:  # imports wait until it is configured again
        return []
    slots = deps.settings.spotify_imports_at_once
    return [
        WorkQueue("spotify_imports", deps.spotify_imports, partial(perform_import, deps), slots=slots),
        WorkQueue("spotify_exports", deps.spotify_exports, partial(perform_export, deps), slots=slots),
    ]


def _spotify(settings: ListeningSettings, client: SpotifyClient | None) -> Spotify | None:
    if client is None or settings.secret is None:
        return None
    return Spotify(client, Encryption(settings.secret.get_secret_value(), _SPOTIFY_TOKENS, SECRET_SETTING))


async def _open(
    settings: ListeningSettings, adapters: Adapters, speech_captions: SpeechCaptions, client: SpotifyClient | None
) -> Dependencies:
    where = (adapters.store, adapters.relay)
    erased_users = ErasedUsers(*where)
    tracks, audio_changes, analyses = Tracks(*where), AudioChanges(adapters.store), Analyses(*where)
    playlist_updates = PlaylistUpdates(*where)
    playlists = Playlists(*where, playlist_updates, adapters.faults)
    tickets, captions = Tickets(adapters.store), Captions(adapters.store)
    interactions = Interactions(*where, settings.interaction_days)
    preferences = PreferencesOfUsers(*where)
    group_sessions, presence = GroupSessions(*where), Presence(adapters.store)
    session_clock = SessionClock(adapters.store)
    spotify_links, spotify_imports, spotify_exports = SpotifyLinks(*where), SpotifyImports(*where), SpotifyExports(*where)
    collections = (
        erased_users,
        tracks,
        audio_changes,
        analyses,
        playlists,
        playlist_updates,
        tickets,
        captions,
        interactions,
        preferences,
        group_sessions,
        presence,
        session_clock,
        spotify_links,
        spotify_imports,
        spotify_exports,
    )
    quotas = Quotas(adapters.store, adapters.live_settings, metrics=(Metric.UPLOADS,), gauges={}, storage=tracks.stored_bytes)
    for collection in collections:
        await collection.prepare()
    await quotas.prepare()
    spotify_states = await Challenges.open(adapters.store.collection("spotify_states"))
    join_attempts = await JoinAttempts.open(adapters.store)
    data = ListeningUserData(
        (
            SpotifyOfUser(spotify_links, spotify_imports, spotify_exports, spotify_states, adapters.faults),
            TracksOfUser(tracks, audio_changes, adapters.objects, quotas, adapters.faults),
            FeaturesOfUser(analyses, adapters.faults),
            GroupSessionsOfUser(group_sessions, presence, join_attempts, adapters.faults),
            PlaylistsOfUser(playlists, playlist_updates, adapters.faults),
            TicketsOfUser(tickets),
            CaptionsOfUser(captions),
            InteractionsOfUser(interactions),
            PreferencesOfUser(preferences, adapters.faults),
        )
    )
    return Dependencies(
        settings=settings,
        objects=adapters.objects,
        erasure=UserErasure(erased_users, data, lambda user_id: ListeningUserDataErased(user_id=user_id), adapters.faults),
        user_data=data,
        faults=adapters.faults,
        tracks=tracks,
        audio_changes=audio_changes,
        upload_reader=SandboxedUploadReader(settings),
        upload_slots=UserSlots("upload", _UPLOADS_AT_ONCE, waiting_each=_WAITING_UPLOADS),
        quotas=quotas,
        stored_bytes=MeasuredSize(tracks.total_bytes),
        may_hear=(playlists.find_audible, group_sessions.find_audible),
        analyses=analyses,
        playlists=playlists,
        playlist_updates=playlist_updates,
        recipients=Recipients(adapters.auth),
        group_sessions=group_sessions,
        presence=presence,
        join_attempts=join_attempts,
        session_clock=session_clock,
        live_sessions=LiveSessions(
            group_sessions, presence, tracks, session_clock, adapters.metrics.group_sessions, settings.live_connections
        ),
        group_session_metrics=adapters.metrics.group_sessions,
        idle_sessions=IdleSessions(group_sessions, presence, settings.session_idle_hours),
        bus=adapters.bus,
        analyser=SandboxedFeatureAnalyser(settings),
        streams=TrackJoiner(
            adapters.objects,
            SandboxedTrackDecoder(),
            adapters.scratch,
            OpenStreams(settings.streams_at_once, settings.streams_per_user),
        ),
        tickets=tickets,
        captions=captions,
        speech_captions=speech_captions,
        interactions=interactions,
        preferences=preferences,
        spotify=_spotify(settings, client),
        spotify_links=spotify_links,
        spotify_states=spotify_states,
        spotify_imports=spotify_imports,
        spotify_exports=spotify_exports,
        public_url=adapters.public_url,
        scratch=adapters.scratch,
        worker=Worker(
            settings.lease_seconds, adapters.metrics, adapters.faults, exclusive=adapters.exclusive, errors=adapters.errors
        ),
    )
