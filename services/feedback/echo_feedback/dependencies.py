"""Dependencies of routes, use cases and event handlers."""

from dataclasses import dataclass

from echo_common.batches import Batches
from echo_common.encryption import Encryption
from echo_common.faults import FaultPoints
from echo_common.live_settings import LiveSettings
from echo_common.metrics import WebhookMetrics
from echo_common.storage.port import ObjectStore
from echo_common.user_data.erasure import UserErasure
from echo_common.user_data.export import ExportableUserData
from echo_common.work.worker import Worker
from echo_feedback.domain.summaries import SummaryKey, Vote
from echo_feedback.outbound.client import OutboundClient
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
from echo_feedback.settings import FeedbackSettings
from echo_feedback.speech import Speech


@dataclass(frozen=True)
class Dependencies:
    """The dependencies of routes, use cases and event handlers, opened once."""

    settings: FeedbackSettings
    ratings: Ratings
    summaries: Summaries
    votes: Votes
    votes_to_count: Batches[SummaryKey, Vote]
    audios: Audios
    voices: VoiceAccess
    history: UsageHistory
    usage: ApiUsageCounters
    active_users: ActiveUsers
    applied_events: AppliedEvents
    errors: ErrorLog
    statistics: Statistics
    speech: Speech
    live_settings: LiveSettings
    objects: ObjectStore
    erasure: UserErasure
    user_data: ExportableUserData
    webhooks: Webhooks
    deliveries: Deliveries
    webhook_encryption: Encryption
    webhook_metrics: WebhookMetrics
    outbound: OutboundClient
    user_queries: UserQueries
    worker: Worker
    faults: FaultPoints
