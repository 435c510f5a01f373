"""Dependencies of the voice service: opened with its adapters, closed in reverse order."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from echo_common.http.health import Check
from echo_common.service import Adapters
from echo_common.storage.orphans import OrphanSweeper
from echo_common.vectors.port import VectorIndex
from echo_common.vectors.qdrant import open_vectors
from echo_common.work.queue import WorkQueue
from echo_common.work.worker import Worker
from echo_voice.handlers import Dependencies
from echo_voice.likeness import open_encoder
from echo_voice.providers import Providers
from echo_voice.repository import AnonymousUploads, Consents, Echos, Phrases, Preferences, Samples, VoiceModels
from echo_voice.settings import VoiceSettings
from echo_voice.usecases.clones import train
from echo_voice.usecases.ownership import object_owners
from echo_voice.usecases.samples import process_sample
from echo_voice.usecases.studio import Studio

_REMOTE_TRAININGS = 8


@asynccontextmanager
async def open_dependencies(settings: VoiceSettings, adapters: Adapters) -> AsyncIterator[Dependencies]:
    """Open the dependencies and run the worker and the sweeper of orphaned objects while the context lasts."""
    key = settings.vectors_api_key.get_secret_value() if settings.vectors_api_key else None
    async with AsyncExitStack() as stack:
        vectors = open_vectors(settings.vectors_url, api_key=key)
        stack.push_async_callback(vectors.close)
        studio = await _open_studio(settings, adapters, vectors)
        queues = _work_queues(studio)
        worker = Worker(queues, settings.lease_seconds, adapters.metrics, adapters.faults, exclusive=adapters.exclusive)
        await stack.enter_async_context(worker.running())
        orphans = OrphanSweeper(adapters.objects, object_owners(studio, adapters.orphan_seconds), adapters.orphan_seconds)
        await stack.enter_async_context(orphans.running())
        yield Dependencies(studio, worker)


def readiness_checks(dependencies: Dependencies) -> Mapping[str, Check]:
    """Return the readiness checks beside those of every service."""
    studio = dependencies.studio
    return {"vectors": studio.vectors.ping, "providers": partial(_providers, studio.providers)}


def _work_queues(studio: Studio) -> list[WorkQueue[Any]]:
    """Return the work queues. Remote trainings only wait, so they have a queue of their own that local trainings do not block."""
    chosen, perform = studio.settings, partial(train, studio)
    here = studio.providers.here()
    return [
        WorkQueue("samples", studio.samples, partial(process_sample, studio), slots=chosen.samples_at_once),
        WorkQueue("trainings", studio.models, perform, slots=chosen.trainings_at_once, where={"provider": {"$in": here}}),
        WorkQueue("remote trainings", studio.models, perform, slots=_REMOTE_TRAININGS, where={"provider": {"$nin": here}}),
    ]


async def _open_studio(settings: VoiceSettings, adapters: Adapters, vectors: VectorIndex) -> Studio:
    where = (adapters.store, adapters.relay)
    studio = Studio(
        settings=settings,
        samples=Samples(*where),
        models=VoiceModels(*where),
        consents=Consents(*where),
        phrases=Phrases(*where),
        echos=Echos(*where),
        preferences=Preferences(*where),
        anonymous_uploads=AnonymousUploads(
            adapters.store, at_once=settings.anonymous_uploads_at_once, a_day=settings.anonymous_uploads_a_day
        ),
        objects=adapters.objects,
        vectors=vectors,
        encoder=open_encoder(settings.models),
        providers=Providers(settings),
        scratch=adapters.scratch,
    )
    await studio.samples.prepare()
    await studio.models.prepare()
    await studio.consents.prepare()
    await studio.phrases.prepare()
    await studio.echos.prepare()
    await studio.preferences.prepare()
    await studio.anonymous_uploads.prepare()
    return studio


async def _providers(providers: Providers) -> Mapping[str, str]:
    """Report the providers' state; they never make the service unready, because samples and voices work without them."""
    return providers.health()
