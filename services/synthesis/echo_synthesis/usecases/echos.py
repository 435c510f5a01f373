"""Use cases of echos as voices of requests."""

from dataclasses import dataclass

from echo_common.contracts.echo import ECHO_PREFIX
from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.errors import refuse
from echo_synthesis.catalogue.echos import EchoVoice
from echo_synthesis.catalogue.voices import CataloguedVoice
from echo_synthesis.dependencies import Dependencies


@dataclass(frozen=True, slots=True)
class RequestedVoice:
    """The voice and the options of a request, after those of the echo that it names, if it names one."""

    voice_id: str | None
    config: SpeechConfig
    echo: EchoVoice | None = None

    def name_echo(self, error: VoiceNotFoundError) -> VoiceNotFoundError:
        """Return the error of a voice that does not exist; if it is the voice of an echo, with the name of the echo."""
        if self.echo is None or self.voice_id is None:
            return error
        return VoiceNotFoundError(
            f"The echo {self.echo.name!r} has the voice {self.voice_id}, which does not exist or is no longer shared with you. Give "
            f"it another one: PATCH /api/v1/echos/{self.echo.id}.",
            details={"echo_id": self.echo.id, "voice_id": self.voice_id},
        )

    def style_for(self, found: CataloguedVoice) -> str:
        """Return the style of the speech; a fallback speaks without one if its engine supports none. Raises `ValidationError`."""
        style = "" if self.echo is None else self.echo.style
        if not style or found.engine.styles:
            return style
        if found.fallback_from is None and self.echo is not None:
            message = (
                f"The echo {self.echo.name!r} has a style, which {found.engine.name} does not support. Remove its style, or give it "
                f"another voice: PATCH /api/v1/echos/{self.echo.id}."
            )
            refuse("voice_id", message)
        return ""


async def resolve_voice(voice_id: str | None, config: SpeechConfig, user_id: str, deps: Dependencies) -> RequestedVoice:
    """Return the voice and the options that a request stands for; values that it does not state are those of its echo.

    Raises `VoiceNotFoundError` for an unknown echo or another user's, `EchoNotReadyError`.
    """
    if voice_id is None or not voice_id.startswith(ECHO_PREFIX):
        return RequestedVoice(voice_id, config)
    echo = await deps.echos.find(voice_id, user_id)
    stated = {name for name in config.model_fields_set if getattr(config, name) is not None}
    missing = {name: value for name, value in echo.defaults.items() if name not in stated}
    return RequestedVoice(echo.voice_id, config.model_copy(update=missing), echo)


async def find_language(voice_id: str, user_id: str, deps: Dependencies) -> str | None:
    """Return the language of a voice or an echo; None for an echo without a voice or a language of its own.

    Raises the errors of `resolve_voice`, `VoiceNotReadyError`, `EngineUnavailableError`.
    """
    requested = await resolve_voice(voice_id, SpeechConfig(), user_id, deps)
    if requested.config.language is not None or requested.voice_id is None:
        return requested.config.language
    try:
        found = await deps.clones.find(requested.voice_id, user_id) or deps.voices.find(requested.voice_id)
    except VoiceNotFoundError as error:
        raise requested.name_echo(error) from None
    return found.voice.language
