"""Dependencies of the voice service: opened with its adapters, closed in reverse order."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from echo_common.contracts.events.voice import VoiceUserDataErased
from echo_common.contracts.values import Metric
from echo_common.http.client import ServiceClient
from echo_common.http.health import Check
from echo_common.http.user_slots import UserSlots
from echo_common.quotas.counters import Quotas
from echo_common.recipients import Recipients
from echo_common.replaced_settings import warn_of_replaced_settings
from echo_common.service import Adapters
from echo_common.storage.measured_size import MeasuredSize
from echo_common.storage.orphans import OrphanSweeper
from echo_common.user_data.erasure import ErasedUsers, UserErasure
from echo_common.vectors.port import VectorIndex
from echo_common.vectors.qdrant import open_vectors
from echo_common.work.queue import WorkQueue
from echo_common.work.worker import Worker
from echo_voice.analysis.recogniser import find_packaged_recogniser
from echo_voice.chat_model import ChatModel
from echo_voice.chat_models import open_chat_model
from echo_voice.chat_models.settings import ChatSettings
from echo_voice.conversations.history import MessageHistory
from echo_voice.conversations.replies import Replies, ReplyLimits
from echo_voice.conversations.repository import Conversations, Messages
from echo_voice.conversations.summaries import Summaries
from echo_voice.dependencies import Dependencies, voice_space
from echo_voice.providers import Providers
from echo_voice.remote_speech_streams import NoSpeechStreams, RemoteSpeechStreams
from echo_voice.repository import AnonymousUploads, Consents, EchoRevisions, Echos, Phrases, Preferences, Samples, VoiceModels
from echo_voice.settings import REPLACED, VoiceSettings
from echo_voice.similarity import open_encoder
from echo_voice.speech_stream import SpeechStreams
from echo_voice.talk.conversations import SpokenConversations
from echo_voice.talk.transcription import SandboxedTranscriber
from echo_voice.usecases.clones import train
from echo_voice.usecases.echos import announce_echos
from echo_voice.usecases.ownership import object_owners
from echo_voice.usecases.samples import process_sample
from echo_voice.user_data import VoiceUserData
from echo_voice.voice_catalogue import NoVoiceCatalogue, RemoteVoiceCatalogue, VoiceCatalogue

_REMOTE_TRAININGS = 8


@asynccontextmanager
async def open_dependencies(settings: VoiceSettings, chat: ChatSettings, adapters: Adapters) -> AsyncIterator[Dependencies]:
    """Open the dependencies and run the worker and the sweeper of orphaned objects while the context lasts."""
    key = settings.vectors_api_key.get_secret_value() if settings.vectors_api_key else None
    async with AsyncExitStack() as stack:
        vectors = open_vectors(settings.vectors_url, api_key=key)
        stack.push_async_callback(vectors.close)
        voices: VoiceCatalogue = NoVoiceCatalogue()
        speech_streams: SpeechStreams = NoSpeechStreams()
        if settings.synthesis_url is not None:
            synthesis = await stack.enter_async_context(ServiceClient.open("synthesis", settings.synthesis_url))
            voices, speech_streams = RemoteVoiceCatalogue(synthesis), RemoteSpeechStreams(synthesis)
        chat_model = open_chat_model(chat, settings.models, adapters.metrics.chat)
        stack.push_async_callback(chat_model.close)
        recogniser = find_packaged_recogniser() if settings.recogniser else None
        transcriber = await stack.enter_async_context(SandboxedTranscriber.open(recogniser, settings.talk_recognisers))
        deps = await _open(settings, adapters, vectors, voices, speech_streams, chat_model, transcriber)
        stack.push_async_callback(deps.replies.summaries.close)
        await announce_echos(deps)
        await stack.enter_async_context(deps.worker.running(_work_queues(deps)))
        orphans = OrphanSweeper(adapters.objects, object_owners(deps, adapters.orphan_seconds), adapters.orphan_seconds)
        await stack.enter_async_context(orphans.running())
        await stack.enter_async_context(deps.erasure.running())
        yield deps


def readiness_checks(deps: Dependencies) -> Mapping[str, Check]:
    """Return the readiness checks beside those of every service."""
    return {
        "vectors": deps.vectors.ping,
        "providers": partial(_providers, deps.providers),
        "language_model": partial(_language_model, deps.chat_model),
    }


def _work_queues(deps: Dependencies) -> list[WorkQueue[Any]]:
    """Return the work queues. Remote trainings only wait, so they have a queue of their own that local trainings do not block."""
    chosen, perform = deps.settings, partial(train, deps)
    local = deps.providers.local_names()
    return [
        WorkQueue("samples", deps.samples, partial(process_sample, deps), slots=chosen.samples_at_once),
        WorkQueue("trainings", deps.models, perform, slots=chosen.trainings_at_once, where={"provider": {"$in": local}}),
        WorkQueue("remote trainings", deps.models, perform, slots=_REMOTE_TRAININGS, where={"provider": {"$nin": local}}),
    ]


async def _open(
    settings: VoiceSettings,
    adapters: Adapters,
    vectors: VectorIndex,
    voices: VoiceCatalogue,
    speech_streams: SpeechStreams,
    chat_model: ChatModel,
    transcriber: SandboxedTranscriber,
) -> Dependencies:
    where = (adapters.store, adapters.relay)
    samples, models, consents, phrases = Samples(*where), VoiceModels(*where), Consents(*where), Phrases(*where)
    echos, echo_revisions = Echos(*where), EchoRevisions(*where)
    preferences, erased_users = Preferences(*where), ErasedUsers(*where)
    encoder = open_encoder(settings.models)
    warn_of_replaced_settings(REPLACED)
    quotas = Quotas(
        adapters.store,
        adapters.live_settings,
        metrics=(Metric.UPLOADS, Metric.MESSAGES),
        gauges={},
        storage=samples.stored_bytes,
    )
    messages, conversations = Messages(*where), Conversations(*where)
    history = MessageHistory(echos, messages, conversations, adapters.faults)
    replies = Replies(
        echos=echos,
        messages=messages,
        conversations=conversations,
        chat=chat_model,
        streams=speech_streams,
        summaries=Summaries(messages, conversations, chat_model, settings.chat_context_characters),
        quotas=quotas,
        faults=adapters.faults,
        limits=ReplyLimits(settings.chat_context_characters, settings.lease_seconds),
    )
    data = VoiceUserData(
        history=history,
        samples=samples,
        models=models,
        consents=consents,
        phrases=phrases,
        echos=echos,
        echo_revisions=echo_revisions,
        preferences=preferences,
        objects=adapters.objects,
        vectors=vectors,
        voice_space=voice_space(encoder),
        faults=adapters.faults,
        quotas=quotas,
    )
    deps = Dependencies(
        settings=settings,
        samples=samples,
        models=models,
        consents=consents,
        phrases=phrases,
        echos=echos,
        echo_revisions=echo_revisions,
        preferences=preferences,
        anonymous_uploads=AnonymousUploads(
            adapters.store, at_once=settings.anonymous_uploads_at_once, a_day=settings.anonymous_uploads_a_day
        ),
        quotas=quotas,
        recipients=Recipients(adapters.auth),
        voices=voices,
        objects=adapters.objects,
        vectors=vectors,
        encoder=encoder,
        providers=Providers(settings),
        speech_streams=speech_streams,
        chat_model=chat_model,
        replies=replies,
        history=history,
        talk=SpokenConversations.create(settings, replies, transcriber, adapters.metrics.talk),
        recording_slots=UserSlots("recording", settings.samples_at_once),
        scratch=adapters.scratch,
        stored_bytes=MeasuredSize(samples.total_bytes),
        worker=Worker(
            settings.lease_seconds, adapters.metrics, adapters.faults, exclusive=adapters.exclusive, errors=adapters.errors
        ),
        user_data=data,
        erasure=UserErasure(erased_users, data, lambda user_id: VoiceUserDataErased(user_id=user_id), adapters.faults),
    )
    owned = (samples, models, consents, phrases, echos, echo_revisions, preferences, erased_users, messages, conversations)
    for repository in owned:
        await repository.prepare()
    await deps.anonymous_uploads.prepare()
    await deps.quotas.prepare()
    return deps


async def _providers(providers: Providers) -> Mapping[str, str]:
    """Report the providers' state; they never make the service unready, because samples and voices work without them."""
    return providers.health()


async def _language_model(model: ChatModel) -> Mapping[str, str]:
    """Report the language model's state; it never makes the service unready, because only replies need it."""
    return model.health()
