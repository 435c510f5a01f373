"""Voice's table of contents."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from echo_common.service import Adapters, Service
from echo_voice import api, handlers
from echo_voice.settings import VoiceSettings
from echo_voice.usecases import Dependencies


def service(settings: VoiceSettings | None = None) -> Service[Dependencies]:
    """Voice, with settings from the environment unless given."""

    @asynccontextmanager
    async def opened(_: Adapters) -> AsyncIterator[Dependencies]:
        yield Dependencies(settings=settings or VoiceSettings())

    return Service(name="voice", open=opened, routers=[api.router], subscriptions=handlers.subscriptions)
