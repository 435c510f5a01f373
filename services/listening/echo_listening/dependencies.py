"""Dependencies of routes, use cases and event handlers."""

from collections.abc import Sequence
from dataclasses import dataclass

from echo_common.faults import FaultPoints
from echo_common.scratch import Scratch
from echo_common.storage.port import ObjectStore
from echo_common.user_data.erasure import UserErasure
from echo_common.user_data.export import ExportableUserData
from echo_common.work.worker import Worker
from echo_listening.feature_analyser import FeatureAnalyser
from echo_listening.may_hear import MayHear
from echo_listening.repository.analyses import Analyses
from echo_listening.repository.interactions import Interactions
from echo_listening.repository.preferences import PreferencesOfUsers
from echo_listening.repository.tracks import AudioChanges, Tracks
from echo_listening.settings import ListeningSettings


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
    analyses: Analyses
    analyser: FeatureAnalyser
    interactions: Interactions
    preferences: PreferencesOfUsers
    scratch: Scratch
    worker: Worker
