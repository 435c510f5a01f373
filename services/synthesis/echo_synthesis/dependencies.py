"""Dependencies of routes, use cases and event handlers."""

from dataclasses import dataclass

from echo_common.auth.signed_links import LinkSigner
from echo_common.auth.tickets import Tickets
from echo_common.http.user_slots import UserSlots
from echo_common.quotas.counters import Quotas
from echo_common.storage.measured_size import MeasuredSize
from echo_common.storage.port import ObjectStore
from echo_common.user_data.erasure import UserErasure
from echo_common.user_data.export import ExportableUserData
from echo_common.work.worker import Worker
from echo_synthesis.cache.speech_cache import SpeechCache
from echo_synthesis.catalogue.clones import Clones
from echo_synthesis.catalogue.echos import Echos
from echo_synthesis.catalogue.mixes import Mixes
from echo_synthesis.catalogue.ratings import VoiceRatings
from echo_synthesis.catalogue.training_voices import TrainingVoices
from echo_synthesis.catalogue.voices import Voices
from echo_synthesis.pipeline.recording import Recorder
from echo_synthesis.pipeline.revising import Reviser
from echo_synthesis.pipeline.scripts import ScriptWriter
from echo_synthesis.pool.engine_pool import EnginePool
from echo_synthesis.pool.metering import Meter
from echo_synthesis.provenance.recorder import ProvenanceRecorder
from echo_synthesis.repository import AudioRepository, Dictionary, Jobs, Texts
from echo_synthesis.settings import SynthesisSettings


@dataclass(frozen=True)
class Dependencies:
    """The dependencies of routes, use cases and event handlers, opened once."""

    settings: SynthesisSettings
    orphan_seconds: float
    voices: Voices
    clones: Clones
    mixes: Mixes
    training_voices: TrainingVoices
    echos: Echos
    voice_ratings: VoiceRatings
    recorder: Recorder
    reviser: Reviser
    jobs: Jobs
    audio: AudioRepository
    texts: Texts
    dictionary: Dictionary
    objects: ObjectStore
    cache: SpeechCache
    tickets: Tickets
    links: LinkSigner
    provenance: ProvenanceRecorder
    verification_slots: UserSlots
    scripts: ScriptWriter
    pool: EnginePool
    meter: Meter
    quotas: Quotas
    worker: Worker
    stored_bytes: MeasuredSize
    erasure: UserErasure
    user_data: ExportableUserData
