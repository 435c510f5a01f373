"""Dependencies of the feedback service: opened with its adapters, closed in reverse order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from echo_common.batches import Batches
from echo_common.contracts.events.feedback import FeedbackUserDataErased
from echo_common.contracts.http.statistics import Measurements, QueueState
from echo_common.encryption import Encryption
from echo_common.service import Adapters
from echo_common.user_data.erasure import ErasedUsers, UserErasure
from echo_common.work.worker import Worker
from echo_feedback.dependencies import Dependencies
from echo_feedback.outbound.addresses import AddressPolicy
from echo_feedback.outbound.client import OutboundClient
from echo_feedback.outbound.resolver import DELIVERY_THREADS, REGISTRATION_THREADS, SystemResolver
from echo_feedback.outbound.user_queries import UserQueries
from echo_feedback.repository.active_users import ActiveUsers
from echo_feedback.repository.applied_events import AppliedEvents
from echo_feedback.repository.audios import Audios
from echo_feedback.repository.error_log import ErrorLog
from echo_feedback.repository.history import UsageHistory
from echo_feedback.repository.ratings import Ratings
from echo_feedback.repository.statistics import Statistics
from echo_feedback.repository.summaries import Summaries
from echo_feedback.repository.usage import ApiUsageCounters
from echo_feedback.repository.voices import VoiceAccess
from echo_feedback.repository.votes import Votes
from echo_feedback.repository.webhooks import Deliveries, Webhooks
from echo_feedback.settings import SECRET_SETTING, FeedbackSettings
from echo_feedback.speech import Speech, open_speech
from echo_feedback.usecases.retention import keep_expiring
from echo_feedback.usecases.statistics import get_last_day
from echo_feedback.usecases.summaries import count_votes, rebuild_in_background
from echo_feedback.usecases.webhook_delivery import delivering
from echo_feedback.usecases.webhooks import require_secret
from echo_feedback.user_data import FeedbackUserData
from echo_feedback.views import statistics_point

_WEBHOOK_SECRETS: Final = "echo-feedback webhook secrets"
_LEASE_SECONDS: Final = 15.0


@asynccontextmanager
async def open_dependencies(settings: FeedbackSettings, adapters: Adapters) -> AsyncIterator[Dependencies]:
    """Open the dependencies; erase deleted users, delete old records and send to webhooks while the context lasts."""
    async with open_speech(settings.synthesis_url) as speech, open_outbound(settings) as (outbound, queries):
        deps = await _open(settings, adapters, speech, outbound, queries)
        async with deps.erasure.running(), keep_expiring(deps), rebuild_in_background(deps), delivering(deps):
            try:
                yield deps
            finally:
                await deps.votes_to_count.finish()
                await deps.usage.counters.close()
                await deps.statistics.counters.close()


@asynccontextmanager
async def open_outbound(settings: FeedbackSettings) -> AsyncIterator[tuple[OutboundClient, UserQueries]]:
    """Open the client for webhooks and the queries for new URLs, each with threads of its own, while the context lasts."""
    policy = AddressPolicy(settings.permitted_networks)
    async with (
        SystemResolver.open(DELIVERY_THREADS) as of_deliveries,
        SystemResolver.open(REGISTRATION_THREADS) as of_registrations,
        UserQueries.open(of_registrations) as queries,
        OutboundClient.open(policy, of_deliveries, http=settings.webhook_http) as outbound,
    ):
        yield outbound, queries


async def _open(
    settings: FeedbackSettings, adapters: Adapters, speech: Speech, outbound: OutboundClient, queries: UserQueries
) -> Dependencies:
    where = (adapters.store, adapters.relay)
    ratings, summaries, erased_users = Ratings(*where), Summaries(*where), ErasedUsers(*where)
    webhooks, deliveries = Webhooks(*where), Deliveries(*where)
    audios, voices, history = Audios(adapters.store), VoiceAccess(adapters.store), UsageHistory(adapters.store)
    votes = Votes(adapters.store)
    usage, statistics = ApiUsageCounters(adapters.store), Statistics(adapters.store)
    errors, active_users = ErrorLog(adapters.store), ActiveUsers(adapters.store)
    read_models = (audios, voices, history, votes, errors, active_users, usage.counters, statistics.counters)
    for collection in (ratings, summaries, erased_users, webhooks, deliveries, *read_models):
        await collection.prepare()
    encryption = Encryption(settings.secret.get_secret_value(), _WEBHOOK_SECRETS, SECRET_SETTING)
    await require_secret(webhooks, encryption)
    data = FeedbackUserData(
        ratings=ratings,
        audios=audios,
        voices=voices,
        history=history,
        usage=usage,
        active_users=active_users,
        webhooks=webhooks,
        deliveries=deliveries,
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
        applied_events=AppliedEvents(adapters.store),
        errors=errors,
        statistics=statistics,
        speech=speech,
        live_settings=adapters.live_settings,
        objects=adapters.objects,
        erasure=UserErasure(erased_users, data, lambda user_id: FeedbackUserDataErased(user_id=user_id), adapters.faults),
        user_data=data,
        webhooks=webhooks,
        deliveries=deliveries,
        webhook_encryption=encryption,
        outbound=outbound,
        user_queries=queries,
        webhook_metrics=adapters.metrics.webhooks,
        worker=Worker(_LEASE_SECONDS, adapters.metrics, adapters.faults, exclusive=adapters.exclusive, errors=adapters.errors),
        faults=adapters.faults,
    )


async def measure(deps: Dependencies) -> Measurements:
    """Measure the work queues, and what happened in the last 24 hours."""
    backlogs = await deps.worker.backlogs()
    return Measurements(
        queues=[
            QueueState(queue=name, pending=backlog.pending, age_seconds=backlog.age_seconds)
            for name, backlog in backlogs.items()
        ],
        last_day=statistics_point(await get_last_day(deps)),
    )
