"""Dependencies of the feedback service: opened with its adapters, closed in reverse order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from echo_common.service import Adapters
from echo_feedback.dependencies import Dependencies
from echo_feedback.settings import FeedbackSettings


@asynccontextmanager
async def open_dependencies(settings: FeedbackSettings, _: Adapters) -> AsyncIterator[Dependencies]:
    """Open the dependencies while the context lasts."""
    yield Dependencies(settings=settings)
