"""Composition root of the voice service."""

from functools import partial

from echo_common.http.endpoints import upload_paths
from echo_common.quotas import usage
from echo_common.service import Service
from echo_common.user_data import api as user_data
from echo_voice import api, handlers
from echo_voice.chat_models.settings import ChatSettings
from echo_voice.composition import open_dependencies, readiness_checks
from echo_voice.dependencies import Dependencies
from echo_voice.settings import VoiceSettings
from echo_voice.usecases.measurements import measure_voice


def service(settings: VoiceSettings | None = None, chat: ChatSettings | None = None) -> Service[Dependencies]:
    """Build the voice service; settings come from the environment unless given."""
    chosen = settings or VoiceSettings()
    return Service(
        name="voice",
        open=partial(open_dependencies, chosen, chat or ChatSettings()),
        routers=[*api.ROUTERS, usage.router, user_data.router],
        subscriptions=handlers.subscriptions,
        measure=measure_voice,
        checks=readiness_checks,
        uploads=dict.fromkeys(upload_paths(api.ROUTERS), chosen.upload_bytes),
    )
