"""Dependencies of the synthesis service: opened with its adapters, closed in reverse order."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from echo_common.auth.tickets import Tickets
from echo_common.background_tasks import running_in_background
from echo_common.contracts.errors.synthesis import EngineUnavailableError
from echo_common.contracts.events.synthesis import SynthesisUserDataErased
from echo_common.contracts.values import Metric
from echo_common.http.health import Check
from echo_common.http.user_slots import UserSlots
from echo_common.outbox.event_batches import CollectedEvents
from echo_common.quotas.counters import Quotas
from echo_common.service import Adapters
from echo_common.storage.measured_size import MeasuredSize
from echo_common.storage.orphans import OrphanSweeper
from echo_common.user_data.erasure import ErasedUsers, UserErasure
from echo_common.work.worker import Worker
from echo_synthesis.access.signed_links import open_link_signer
from echo_synthesis.cache.speech_cache import SpeechCache
from echo_synthesis.catalogue.clones import Clones
from echo_synthesis.catalogue.echos import Echos
from echo_synthesis.catalogue.mixes import Mixes
from echo_synthesis.catalogue.ratings import VoiceRatings
from echo_synthesis.catalogue.style_folder import StyleFolder
from echo_synthesis.catalogue.training_voices import TrainingVoices
from echo_synthesis.catalogue.voices import Voices
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.engine import EngineConfig, EngineSpec, Speech
from echo_synthesis.engines import discover
from echo_synthesis.performer import work_queue
from echo_synthesis.pipeline.fallback import FallbackRecorder
from echo_synthesis.pipeline.narration import Narrator
from echo_synthesis.pipeline.revising import Reviser
from echo_synthesis.pipeline.scripts import ScriptWriter
from echo_synthesis.pool.engine_pool import EnginePool, PoolConfig, default_shape
from echo_synthesis.pool.engine_worker import WorkerLimits
from echo_synthesis.pool.metering import Meter
from echo_synthesis.pool.speech_counts import SpeechCounts
from echo_synthesis.provenance.recorder import ProvenanceRecorder
from echo_synthesis.quality import calibration
from echo_synthesis.quality.gate import QualityGate
from echo_synthesis.quality.monitor import QualityMonitor
from echo_synthesis.quality.transcriber import SandboxedTranscriber
from echo_synthesis.repository import AudioRepository, Dictionary, Jobs, Texts
from echo_synthesis.settings import SynthesisSettings
from echo_synthesis.timing.recogniser_alignment import find_recogniser
from echo_synthesis.usecases.ownership import object_owners
from echo_synthesis.usecases.quotas import stored_bytes
from echo_synthesis.user_data import SynthesisUserData

_VERIFICATIONS: Final = 2
_WAITING_VERIFICATIONS: Final = 3
"""Further files of a user that wait for the one that is being verified."""


@asynccontextmanager
async def open_dependencies(settings: SynthesisSettings, adapters: Adapters) -> AsyncIterator[Dependencies]:
    """Open the dependencies and run the engines, the worker and the sweeper of orphaned objects while the context lasts."""
    config = EngineConfig(models=settings.models)
    engines = discover(settings.engines)
    meter, caches, counts = Meter(adapters.metrics.engines), adapters.metrics.caches, SpeechCounts()
    measure_lookup = caches.counter("speech")

    def count_lookup(found: bool) -> None:
        measure_lookup(found)
        counts.count_lookup(found)

    async with (
        SpeechCache.open(
            adapters.store, adapters.objects, settings.cache_bytes, count_lookup, bounds=calibration.VERSION
        ) as cache,
        _engines_running(engines, settings, meter, counts) as pool,
        StyleFolder.open(adapters.scratch) as styles,
        ScriptWriter.open(settings) as scripts,
        SandboxedTranscriber.open(_recogniser_of_gate(settings), settings.quality_processes) as transcriber,
    ):
        clones = await Clones.open(adapters.store, adapters.objects, engines, config, styles)
        voices = await asyncio.to_thread(Voices, engines, config, settings.default_voice, settings.fallback)
        provenance = await ProvenanceRecorder.open(adapters.store, settings, adapters.scratch, adapters.live_settings)
        gate = QualityGate(transcriber, switched_off=settings.quality_gate == "off")
        monitor = QualityMonitor(adapters.metrics.engines)
        mixes = Mixes(voices, clones, styles, settings.models)
        training_voices = TrainingVoices(clones, styles, adapters.objects, engines, config, mixes.voice_names)
        narrator = Narrator(pool, cache, training_voices.voice_names, gate, monitor.count)
        jobs, audio = Jobs(adapters.store, adapters.relay), AudioRepository(adapters.store, adapters.relay)
        texts, dictionary = Texts(adapters.store, adapters.relay), Dictionary(adapters.store, adapters.relay)
        tickets, erased_users = Tickets(adapters.store), ErasedUsers(adapters.store, adapters.relay)
        voice_ratings, echos = VoiceRatings(adapters.store), Echos(adapters.store, settings.echo_wait_seconds)
        quotas = Quotas(
            adapters.store,
            adapters.live_settings,
            metrics=(Metric.SYNTHESES, Metric.CHARACTERS, Metric.AUDIO_SECONDS),
            gauges={Metric.QUEUED_JOBS: jobs.count_pending},
            storage=partial(stored_bytes, jobs, audio),
        )
        data = SynthesisUserData(
            jobs=jobs,
            audio=audio,
            texts=texts,
            dictionary=dictionary,
            tickets=tickets,
            provenance=provenance.records,
            cache=cache,
            clones=clones,
            echos=echos,
            objects=adapters.objects,
            faults=adapters.faults,
            quotas=quotas,
        )
        deps = Dependencies(
            settings=settings,
            voices=voices,
            clones=clones,
            mixes=mixes,
            training_voices=training_voices,
            echos=echos,
            voice_ratings=voice_ratings,
            recorder=FallbackRecorder(
                narrator,
                adapters.objects,
                provenance,
                adapters.scratch,
                voices,
                scripts,
                keep_segments=settings.keep_segments,
            ),
            reviser=Reviser(narrator, adapters.objects, provenance, adapters.scratch),
            jobs=jobs,
            audio=audio,
            texts=texts,
            dictionary=dictionary,
            quotas=quotas,
            objects=adapters.objects,
            cache=cache,
            tickets=tickets,
            links=await open_link_signer(adapters.store),
            provenance=provenance,
            verification_slots=UserSlots("verification", _VERIFICATIONS, waiting_each=_WAITING_VERIFICATIONS),
            scripts=scripts,
            orphan_seconds=adapters.orphan_seconds,
            pool=pool,
            meter=meter,
            stored_bytes=MeasuredSize(audio.total_bytes),
            worker=Worker(
                settings.lease_seconds, adapters.metrics, adapters.faults, exclusive=adapters.exclusive, errors=adapters.errors
            ),
            user_data=data,
            erasure=UserErasure(erased_users, data, lambda user_id: SynthesisUserDataErased(user_id=user_id), adapters.faults),
        )
        for repository in (jobs, audio, texts, dictionary, tickets, erased_users, quotas, voice_ratings, echos):
            await repository.prepare()
        orphans = OrphanSweeper(adapters.objects, object_owners(deps, adapters.orphan_seconds), adapters.orphan_seconds)
        queues = [work_queue(deps, adapters.faults)]
        measured = CollectedEvents(adapters.batches, counts.collect, "speech")
        async with deps.worker.running(queues), orphans.running(), deps.erasure.running(), measured.publishing():
            measure_cache = caches.size_measurement("speech", lambda: cache.size_bytes)
            with adapters.metrics.measuring(partial(meter.measure, pool)), adapters.metrics.measuring(measure_cache):
                yield deps


def _recogniser_of_gate(settings: SynthesisSettings) -> Path | None:
    if settings.quality_gate == "off":
        return None
    model = find_recogniser(settings.recogniser)
    if model is None and settings.quality_gate == "calibrated":
        structlog.get_logger("echo.quality").warning(
            "speech_not_compared", reason="not_installed", recogniser=settings.recogniser
        )
    return model


def readiness_checks(dependencies: Dependencies) -> Mapping[str, Check]:
    """Return the readiness checks beside those of every service."""
    return {"engines": partial(_check_engines, dependencies.pool)}


@asynccontextmanager
async def _engines_running(
    engines: Mapping[str, EngineSpec], settings: SynthesisSettings, meter: Meter, counts: SpeechCounts
) -> AsyncIterator[EnginePool]:
    """Run the engine pool. Engines load while the rest of the service starts; readiness reports when they are ready."""
    recogniser = find_recogniser(settings.recogniser)
    workers, limits = settings.workers or default_shape()[0], WorkerLimits(speak_seconds=settings.speak_seconds)
    config = PoolConfig(settings.models, workers=workers, limits=limits, recogniser=recogniser)

    def count_speech(engine: str, speech: Speech) -> None:
        meter.count_speech(engine, speech)
        counts.count_speech(engine, speech)

    pool = EnginePool(engines, config, count_speech, meter.count_failure)
    try:
        async with running_in_background(pool.start(*(name for name in settings.engines if name in engines))):
            yield pool
    finally:
        await pool.close()


async def _check_engines(pool: EnginePool) -> Mapping[str, object]:
    health = pool.health()
    if not any(engine.state == "ready" for engine in health.values()):
        raise EngineUnavailableError("No speech engine is ready yet.")
    return {name: f"{engine.state}, {engine.workers_busy} of {engine.workers_alive} busy" for name, engine in health.items()}
