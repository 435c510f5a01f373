"""Sentences of previews, and previews of voices that are not saved: mixes, and clones in training."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from echo_common.auth.principal import Principal
from echo_common.contracts.http.previews import PreviewRequest
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.contracts.http.voice_mixes import MixPreviewRequest
from echo_common.contracts.values import AudioFormat
from echo_synthesis.catalogue.voices import CataloguedVoice
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import SpeechSettings
from echo_synthesis.pipeline.narration import plan
from echo_synthesis.pipeline.stream_encoding import Part
from echo_synthesis.text.language import language_of
from echo_synthesis.usecases.planning import choose_language, pronunciations_for
from echo_synthesis.usecases.speech import stream_narration

PREVIEW_CONFIG: Final = SpeechConfig(output_format=AudioFormat.MP3)

_SENTENCES: Final = {
    "en": "Hello, this is my voice.",
    "es": "Hola, esta es mi voz.",
    "fr": "Bonjour, voici ma voix.",
    "it": "Ciao, questa è la mia voce.",
    "pt": "Olá, esta é a minha voz.",
    "de": "Hallo, das ist meine Stimme.",
    "hi": "नमस्ते, यह मेरी आवाज़ है।",
    "vi": "Xin chào, đây là giọng nói của tôi.",
}


def preview_text(language: str | None) -> str:
    """Return a short sentence in a language; in English for one without a sentence."""
    return _SENTENCES.get((language or "en").split("-")[0].lower(), _SENTENCES["en"])


async def preview_mix(request: MixPreviewRequest, principal: Principal, deps: Dependencies) -> AsyncGenerator[Part, None]:
    """Speak a short text with a mix that is not saved, and yield its bytes as they are made.

    Raises the errors of `Mixes.find` and of `plan_speech`; the first part raises `QuotaExceededError`.
    """
    return await _speak(await deps.mixes.find(request.shares(), principal.user_id), request, principal, deps)


async def preview_training(
    clone_id: str, request: PreviewRequest, principal: Principal, deps: Dependencies
) -> AsyncGenerator[Part, None]:
    """Speak a short text with the present state of a clone in training, and yield its bytes as they are made.

    Raises the errors of `TrainingVoices.find` and of `plan_speech`; the first part raises `QuotaExceededError`.
    """
    found = await deps.training_voices.find(clone_id, principal.user_id)
    return _keep_style(found.voice.id, await _speak(found, request, principal, deps), deps)


async def _keep_style(voice_id: str, parts: AsyncGenerator[Part, None], deps: Dependencies) -> AsyncGenerator[Part, None]:
    """Yield the parts, and keep the style files of a voice in training until they end."""
    async with deps.training_voices.heard(voice_id), aclosing(parts):
        async for part in parts:
            yield part


async def _speak(
    found: CataloguedVoice, request: PreviewRequest, principal: Principal, deps: Dependencies
) -> AsyncGenerator[Part, None]:
    user_id = principal.user_id
    text = request.text or preview_text(request.language or found.voice.language)
    config = PREVIEW_CONFIG.model_copy(update={"language": request.language})
    language = choose_language(found, config.language or language_of(text), text, config, deps)
    settings = SpeechSettings(
        voice_id=found.voice.id,
        engine=found.engine.name,
        language=language,
        output_format=config.output_format,
        sample_rate=config.sample_rate,
        longest_pause=deps.settings.longest_pause,
        scope=user_id,
        pronunciations=await pronunciations_for(text, language, found.voice.id, user_id, deps),
    )
    narration = await plan(text, settings, found.engine, deps.scripts, user_id)
    return stream_narration(narration, len(text), principal, deps)
