"""The voices of a Fish Audio account."""

from collections.abc import Mapping

import httpx
import structlog
from fishaudio import FishAudio
from fishaudio.exceptions import FishAudioError
from fishaudio.types import Voice

from echo_common.contracts.voice_reference import FISH_PREFIX
from echo_synthesis.engine import EngineVoice, Gender
from echo_synthesis.engines.fish import FishSettings
from echo_synthesis.engines.remote import redact

_PAGE, _PAGES = 100, 10
_PATIENCE = 5.0
"""Timeout of a page in seconds, so that a slow response does not delay the start of Echo."""


def own_voices(settings: FishSettings) -> Mapping[str, EngineVoice]:
    """List the account's voices by model ID; a failed request is logged and ends the list."""
    found: dict[str, EngineVoice] = {}
    try:
        with FishAudio(api_key=settings.key, base_url=settings.base_url, timeout=_PATIENCE) as client:
            for number in range(1, _PAGES + 1):
                page = client.voices.list(page_size=_PAGE, page_number=number, self_only=True)
                found.update(
                    {voice.id: _voice(voice) for voice in page.items if (voice.type, voice.state) == ("tts", "trained")}
                )
                if number * _PAGE >= page.total:
                    break
    except (FishAudioError, httpx.HTTPError, ValueError) as error:
        log = structlog.get_logger("echo.fish")
        log.warning("voice_listing_failed", error=redact(settings.key, error))
    return found


def _voice(voice: Voice) -> EngineVoice:
    language = voice.languages[0] if voice.languages else "en"
    return EngineVoice(f"{FISH_PREFIX}{voice.id}", voice.title, language, _gender(voice.tags), ("cloud",), multilingual=True)


def _gender(tags: list[str]) -> Gender:
    told = {tag.lower() for tag in tags} & {"female", "male"}
    if told == {"female"}:
        return "female"
    return "male" if told == {"male"} else "neutral"
