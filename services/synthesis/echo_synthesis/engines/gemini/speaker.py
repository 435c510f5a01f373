"""Synthesis with Gemini."""

import re
import time
from collections import Counter
from collections.abc import Iterator

import httpx2
from google import genai
from google.genai import errors, types

from echo_common.contracts.errors.synthesis import EngineUnavailableError, ProviderFailedError, VoiceNotFoundError
from echo_synthesis.audio.decode import decode
from echo_synthesis.engine import Speech, Utterance
from echo_synthesis.engines.gemini import SAMPLE_RATE, GeminiSettings
from echo_synthesis.engines.gemini.response import BrokenOffError, RefusedError, collect, refuses_key, retry_delay
from echo_synthesis.engines.gemini.voices import VOICES
from echo_synthesis.engines.remote import RetryableError, redact, retry_with_backoff, silence, to_speech

_VERSION = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_VERBATIM = (3, 8)
_BUSY = frozenset({408, 429, 500, 502, 503, 504})


class GeminiSpeaker:
    """The Gemini engine; thread-safe."""

    def __init__(self, settings: GeminiSettings) -> None:
        self._settings = settings
        options = types.HttpOptions(api_version=settings.api_version, base_url=settings.base_url)
        self._client = genai.Client(api_key=settings.key, vertexai=False, http_options=options)

    def speak(self, utterance: Utterance) -> Speech:
        if utterance.voice not in VOICES:
            raise VoiceNotFoundError(f"There is no voice {utterance.voice}.")
        if not utterance.words:
            return silence(SAMPLE_RATE)
        request = _Request(self._client, self._settings, utterance)
        try:
            return retry_with_backoff(request.send, self._settings)
        except errors.APIError as error:
            raise self._translated(error) from None
        except RefusedError:
            raise
        except ProviderFailedError as error:
            message = redact(self._settings.key, error.message)
            raise ProviderFailedError(f"Gemini is not available: {message}", retry_after=error.retry_after) from None
        except Exception as error:
            raise RuntimeError(redact(self._settings.key, f"{type(error).__name__}: {error}")) from None

    def _translated(self, error: errors.APIError) -> Exception:
        settings = self._settings
        if refuses_key(error):
            return EngineUnavailableError(f"Gemini refuses the key in {settings.setting('api_key')}.", retry_after=None)
        if error.code == 404:
            model = f"Gemini has no model {settings.model}; see {settings.setting('model')}."
            return EngineUnavailableError(model, retry_after=None)
        return RuntimeError(redact(settings.key, f"Gemini answers {error.code}: {error.message}"))


class _Request:
    """The request for an utterance, with its retries: streamed, and without streaming once a stream has broken off."""

    def __init__(self, client: genai.Client, settings: GeminiSettings, utterance: Utterance) -> None:
        self._client = client
        self._settings = settings
        self._utterance = utterance
        self._verbatim = _reads_verbatim(settings.model)
        self._whole = False
        self._cost: Counter[str] = Counter()

    def send(self, seconds: float) -> Speech:
        try:
            data, mime = collect(self._chunks(seconds), self._cost)
            samples, rate = decode(data, mime)
            return to_speech(
                self._utterance,
                samples,
                rate,
                wanted_rate=SAMPLE_RATE,
                tempo=self._utterance.speed,
                cost=dict(self._cost),
            )
        except errors.APIError as error:
            if error.code not in _BUSY:
                raise
            raise RetryableError(f"it responds {error.code}: {error.message}", retry_delay(error)) from error
        except httpx2.ConnectError as error:
            raise RetryableError(f"no connection ({error})") from error
        except (RetryableError, httpx2.HTTPError, ValueError) as error:
            # after the first failure, retry at once without streaming
            after, self._whole = None if self._whole else 0.0, True
            raise RetryableError(str(error) or type(error).__name__, after) from error

    def _chunks(self, seconds: float) -> Iterator[types.GenerateContentResponse]:
        deadline = time.monotonic() + seconds
        config = self._config(seconds)
        if self._whole:
            yield self._client.models.generate_content(model=self._settings.model, contents=self._contents(), config=config)
            return
        for chunk in self._client.models.generate_content_stream(
            model=self._settings.model, contents=self._contents(), config=config
        ):
            yield chunk
            if time.monotonic() > deadline:
                raise BrokenOffError("Gemini's response takes too long.")

    def _contents(self) -> types.Content:
        text, style = self._utterance.text, self._utterance.style or self._settings.style
        if not self._verbatim:
            # without an instruction, older models answer a question instead of reading it
            return types.Content(role="user", parts=[types.Part(text=f"{style or 'Read this aloud'}:\n{text}")])
        metadata = types.SpeechMetadata(style=style) if style else None
        return types.Content(role="user", parts=[types.Part(text=text, speech_metadata=metadata)])

    def _config(self, seconds: float) -> types.GenerateContentConfig:
        name = VOICES[self._utterance.voice].name
        voice = (
            types.VoiceConfig(voice=name)
            if self._verbatim
            else types.VoiceConfig(prebuilt_voice_config=types.PrebuiltVoiceConfig(voice_name=name))
        )
        return types.GenerateContentConfig(
            response_modalities=["AUDIO"],
            speech_config=types.SpeechConfig(voice_config=voice),
            http_options=types.HttpOptions(timeout=round(seconds * 1000)),
        )


def _reads_verbatim(model: str) -> bool:
    """Return whether the model reads the text verbatim (Gemini 3.8 and later) or takes it as a prompt (earlier)."""
    version = _VERSION.search(model)
    return version is None or (int(version[1]), int(version[2] or 0)) >= _VERBATIM
