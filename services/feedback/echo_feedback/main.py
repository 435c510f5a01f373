"""Composition of the feedback service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from echo_common.service import Adapters, Service
from echo_feedback import api, handlers
from echo_feedback.settings import FeedbackSettings
from echo_feedback.usecases import Dependencies


def service(settings: FeedbackSettings | None = None) -> Service[Dependencies]:
    """Build the feedback service; settings come from the environment unless given."""

    @asynccontextmanager
    async def opened(_: Adapters) -> AsyncIterator[Dependencies]:
        yield Dependencies(settings=settings or FeedbackSettings())

    return Service(name="feedback", open=opened, routers=api.ROUTERS, subscriptions=handlers.subscriptions)
