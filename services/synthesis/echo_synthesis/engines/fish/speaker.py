"""Synthesis with Fish Audio."""

import httpx
from fishaudio import FishAudio
from fishaudio.core import RequestOptions
from fishaudio.exceptions import APIError
from fishaudio.types import Prosody, TTSConfig

from echo_common.contracts.errors.synthesis import EngineUnavailableError, ProviderFailedError, VoiceNotFoundError
from echo_common.contracts.voice_reference import FISH_PREFIX
from echo_synthesis.audio.decode import decode
from echo_synthesis.engine import Speech, Utterance
from echo_synthesis.engines.fish import SAMPLE_RATE, FishSettings
from echo_synthesis.engines.remote import RetryableError, parse_retry_after, redact, retry_with_backoff, silence, to_speech

_SLOWEST, _FASTEST = 0.5, 2.0
"""Range of speeds that Fish Audio supports."""


class FishSpeaker:
    """The Fish Audio engine; thread-safe."""

    def __init__(self, settings: FishSettings) -> None:
        self._settings = settings
        # the SDK's errors omit the retry delay, and its model names lag behind the service's
        http = httpx.Client(base_url=settings.base_url, event_hooks={"response": [_busy]})
        self._client = FishAudio(api_key=settings.key, httpx_client=http)

    def speak(self, utterance: Utterance) -> Speech:
        key = self._settings.key
        if not utterance.voice.startswith(FISH_PREFIX):
            raise VoiceNotFoundError(f"There is no voice {utterance.voice}.")
        if not utterance.words:
            return silence(SAMPLE_RATE)
        try:
            return retry_with_backoff(lambda seconds: self._ask(utterance, seconds), self._settings)
        except APIError as error:
            raise self._translated(error, utterance.voice) from None
        except ProviderFailedError as error:
            message = f"Fish Audio cannot be asked now: {redact(key, error.message)}"
            raise ProviderFailedError(message, retry_after=error.retry_after) from None
        except Exception as error:
            raise RuntimeError(redact(key, f"{type(error).__name__}: {error}")) from None

    def _ask(self, utterance: Utterance, seconds: float) -> Speech:
        speed = min(max(utterance.speed, _SLOWEST), _FASTEST)
        config = TTSConfig(
            format="wav",  # contains its sample rate
            sample_rate=SAMPLE_RATE,
            latency=self._settings.latency,
            reference_id=utterance.voice.removeprefix(FISH_PREFIX),
            prosody=None if speed == 1.0 else Prosody(speed=speed),
        )
        try:
            audio = self._client.tts.convert(
                text=utterance.text,
                config=config,
                model=self._settings.model,
                request_options=RequestOptions(timeout=seconds),
            )
            samples, rate = decode(audio, "audio/wav")
        except (httpx.HTTPError, ValueError) as error:
            raise RetryableError(str(error) or type(error).__name__) from error
        return to_speech(
            utterance,
            samples,
            rate,
            wanted_rate=SAMPLE_RATE,
            tempo=utterance.speed / speed,
            cost={"utf8_bytes": len(utterance.text.encode())},
        )

    def _translated(self, error: APIError, voice: str) -> Exception:
        settings = self._settings
        if error.status in {401, 403}:
            return EngineUnavailableError(f"Fish Audio refuses the key in {settings.setting('api_key')}.", retry_after=None)
        if error.status == 402:
            return EngineUnavailableError("The Fish Audio account has no credit left.", retry_after=None)
        if error.status == 404 or (error.status == 400 and "reference" in str(error.message).lower()):
            return VoiceNotFoundError(f"Fish Audio has no voice {voice.removeprefix(FISH_PREFIX)}.")
        return RuntimeError(redact(settings.key, f"Fish Audio answers {error.status}: {error.message}"))


def _busy(response: httpx.Response) -> None:
    if response.status_code == 429 or response.status_code >= 500:
        raise RetryableError(f"it responds {response.status_code}", parse_retry_after(response.headers.get("retry-after")))
