"""Registry of the services, and their wiring on one machine. Add each new service here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from echo_auth import api as auth_api
from echo_auth.mail.settings import MailSettings
from echo_auth.main import service as auth
from echo_auth.oidc_settings import OidcSettings
from echo_auth.settings import AuthSettings
from echo_common.service import Service
from echo_common.settings import CommonSettings
from echo_embedded.data_folder import Secrets
from echo_embedded.settings import BackupSettings, HostSettings
from echo_feedback import api as feedback_api
from echo_feedback.main import service as feedback
from echo_feedback.settings import FeedbackSettings
from echo_gateway.main import service as gateway
from echo_gateway.settings import GatewaySettings
from echo_listening import api as listening_api
from echo_listening.main import service as listening
from echo_listening.settings import ListeningSettings
from echo_synthesis import api as synthesis_api
from echo_synthesis.engines.fish import FishSettings
from echo_synthesis.engines.gemini import GeminiSettings
from echo_synthesis.main import service as synthesis
from echo_synthesis.settings import SynthesisSettings
from echo_voice import api as voice_api
from echo_voice.chat_models.settings import ChatSettings
from echo_voice.main import service as voice
from echo_voice.providers.fish import FishSettings as FishVoiceSettings
from echo_voice.settings import VoiceSettings

INTERNAL = "internal"
"""Key of the gateway's internal listener in the addresses."""

START_ORDER = (("auth",), ("voice", "synthesis", "feedback", "listening"), ("gateway",))
"""Start order: auth first, because the others verify tokens; the gateway last. Services of one step start concurrently."""

SETTINGS: Mapping[str, type[BaseSettings]] = {
    "One machine (echoctl)": HostSettings,
    "Backup (echoctl)": BackupSettings,
    "Every service": CommonSettings,
    "Auth": AuthSettings,
    "Auth (identity provider)": OidcSettings,
    "Mail": MailSettings,
    "Gateway": GatewaySettings,
    "Synthesis": SynthesisSettings,
    "Gemini": GeminiSettings,
    "Fish Audio": FishSettings,
    "Voice": VoiceSettings,
    "Language model of echos": ChatSettings,
    "Fish Audio (voice models)": FishVoiceSettings,
    "Feedback": FeedbackSettings,
    "Listening": ListeningSettings,
}
"""All settings by their heading in `.env.example`."""


API: Mapping[str, Sequence[APIRouter]] = {
    "auth": auth_api.ROUTERS,
    "synthesis": synthesis_api.ROUTERS,
    "voice": voice_api.ROUTERS,
    "feedback": feedback_api.ROUTERS,
    "listening": listening_api.ROUTERS,
}
"""Routers of the services behind the gateway, whose public endpoints it proxies."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """The configuration that services on one machine share. `addresses` are the services' URLs by name."""

    secrets: Secrets
    synthesis: SynthesisSettings
    voice: VoiceSettings
    addresses: Mapping[str, str]


def services(wiring: Wiring) -> dict[str, Service[Any]]:
    """Build the services by name. Raises pydantic's `ValidationError` for an invalid setting."""
    secrets = wiring.secrets
    return {
        "auth": auth(
            AuthSettings(
                secret=SecretStr(secrets.auth_secret),
                admin_email=secrets.admin_email,
                admin_password=SecretStr(secrets.admin_password),
                user_data_services=(
                    "gateway",
                    *(f"{name}={wiring.addresses[name]}" for name in ("synthesis", "voice", "feedback", "listening")),
                ),
            )
        ),
        "voice": voice(wiring.voice.model_copy(update={"synthesis_url": wiring.addresses["synthesis"]})),
        "synthesis": synthesis(wiring.synthesis),
        "feedback": feedback(
            FeedbackSettings(secret=SecretStr(secrets.feedback_secret), synthesis_url=wiring.addresses["synthesis"])
        ),
        "listening": listening(
            ListeningSettings(secret=SecretStr(secrets.listening_secret), synthesis_url=wiring.addresses["synthesis"])
        ),
        "gateway": gateway(_gateway_settings(wiring.addresses)),
    }


def _gateway_settings(addresses: Mapping[str, str]) -> GatewaySettings:
    urls: dict[str, Any] = {f"{name}_url": addresses[name] for name in ("synthesis", "voice", "feedback", "listening")}
    chosen = GatewaySettings(**urls)
    if "internal_listen" in chosen.model_fields_set:
        return chosen
    return GatewaySettings(internal_listen=addresses[INTERNAL], **urls)
