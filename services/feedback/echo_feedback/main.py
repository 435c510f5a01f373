"""Composition root of the feedback service."""

from functools import partial

from echo_common.service import Service
from echo_common.user_data import api as user_data
from echo_feedback import api, handlers
from echo_feedback.composition import measure, open_dependencies
from echo_feedback.dependencies import Dependencies
from echo_feedback.settings import FeedbackSettings


def service(settings: FeedbackSettings | None = None) -> Service[Dependencies]:
    """Build the feedback service; settings come from the environment unless given."""
    chosen = settings or FeedbackSettings()
    return Service(
        name="feedback",
        open=partial(open_dependencies, chosen),
        routers=[*api.ROUTERS, user_data.router],
        subscriptions=handlers.subscriptions,
        measure=measure,
    )
