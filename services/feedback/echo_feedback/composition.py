"""Dependencies of the feedback service: opened with its adapters, closed in reverse order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from echo_common.batches import Batches
from echo_common.contracts.events.feedback import FeedbackUserDataErased
from echo_common.service import Adapters
from echo_common.user_data.erasure import ErasedUsers, UserErasure
from echo_feedback.dependencies import Dependencies
from echo_feedback.repository.active_users import ActiveUsers
from echo_feedback.repository.audios import Audios
from echo_feedback.repository.error_log import ErrorLog
from echo_feedback.repository.history import UsageHistory
from echo_feedback.repository.ratings import Ratings
from echo_feedback.repository.statistics import Statistics
from echo_feedback.repository.summaries import Summaries
from echo_feedback.repository.usage import ApiUsageCounters
from echo_feedback.repository.voices import VoiceAccess
from echo_feedback.repository.votes import Votes
from echo_feedback.settings import FeedbackSettings
from echo_feedback.speech import Speech, open_speech
from echo_feedback.usecases.retention import keep_expiring
from echo_feedback.usecases.summaries import count_votes, rebuild_in_background
from echo_feedback.user_data import FeedbackUserData


@asynccontextmanager
async def open_dependencies(settings: FeedbackSettings, adapters: Adapters) -> AsyncIterator[Dependencies]:
    """Open the dependencies, erase deleted users and delete old records while the context lasts."""
    async with open_speech(settings.synthesis_url) as speech:
        deps = await _open(settings, adapters, speech)
        async with deps.erasure.running(), keep_expiring(deps), rebuild_in_background(deps):
            try:
                yield deps
            finally:
                await deps.votes_to_count.finish()
                await deps.usage.counters.close()
                await deps.statistics.counters.close()


async def _open(settings: FeedbackSettings, adapters: Adapters, speech: Speech) -> Dependencies:
    where = (adapters.store, adapters.relay)
    ratings, summaries, erased_users = Ratings(*where), Summaries(*where), ErasedUsers(*where)
    audios, voices, history = Audios(adapters.store), VoiceAccess(adapters.store), UsageHistory(adapters.store)
    votes = Votes(adapters.store)
    usage, statistics = ApiUsageCounters(adapters.store), Statistics(adapters.store)
    errors, active_users = ErrorLog(adapters.store), ActiveUsers(adapters.store)
    read_models = (audios, voices, history, votes, errors, active_users, usage.counters, statistics.counters)
    for collection in (ratings, summaries, erased_users, *read_models):
        await collection.prepare()
    data = FeedbackUserData(
        ratings=ratings,
        audios=audios,
        voices=voices,
        history=history,
        usage=usage,
        active_users=active_users,
        faults=adapters.faults,
    )
    return Dependencies(
        settings=settings,
        ratings=ratings,
        summaries=summaries,
        votes=votes,
        votes_to_count=Batches(partial(count_votes, summaries=summaries, stored=votes)),
        audios=audios,
        voices=voices,
        history=history,
        usage=usage,
        active_users=active_users,
        errors=errors,
        statistics=statistics,
        speech=speech,
        live_settings=adapters.live_settings,
        objects=adapters.objects,
        erasure=UserErasure(erased_users, data, lambda user_id: FeedbackUserDataErased(user_id=user_id), adapters.faults),
        user_data=data,
    )
