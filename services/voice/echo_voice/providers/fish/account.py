"""Training of voice models at Fish Audio."""

import asyncio
import io
from typing import TYPE_CHECKING

import av
import httpx
from fishaudio import AsyncFishAudio
from fishaudio.core import RequestOptions
from fishaudio.exceptions import APIError, FishAudioError

from echo_common.contracts.errors.voice import ProviderUnavailableError
from echo_common.contracts.voice_reference import FISH_PREFIX
from echo_voice.provider import Outcome, Progressed, TrainingFailedError, TrainingRequest, TrainingSample

if TYPE_CHECKING:
    from fishaudio.types import Voice

    from echo_voice.providers.fish import FishSettings

_STEPS = 3
_POLL_SECONDS = 1.0
_BUSY = {408, 425, 429}


async def create(request: TrainingRequest, on_progress: Progressed, settings: "FishSettings") -> Outcome:
    """Upload the samples and wait until the model is trained."""
    key = settings.api_key.get_secret_value() if settings.api_key else None
    http = httpx.AsyncClient(base_url=settings.base_url, timeout=settings.timeout)
    client = AsyncFishAudio(api_key=key, httpx_client=http)
    options = RequestOptions(timeout=settings.timeout)
    try:
        on_progress(0, _STEPS, "preparing the recordings")
        recordings = [await asyncio.to_thread(_as_wav, recording) for recording in request.samples]
        texts = [recording.transcript for recording in request.samples if recording.transcript]
        on_progress(1, _STEPS, "uploading the recordings")
        model = await client.voices.create(
            title=request.name,
            voices=recordings,
            texts=texts if len(texts) == len(recordings) else None,
            visibility="private",
            enhance_audio_quality=False,
            request_options=options,
        )
        on_progress(2, _STEPS, "Fish Audio is making the voice")
        async with asyncio.timeout(settings.patience):
            while model.state not in {"trained", "failed"}:
                await asyncio.sleep(_POLL_SECONDS)
                model = await client.voices.get(model.id, request_options=options)
    except TimeoutError:
        raise ProviderUnavailableError("Fish Audio takes too long to create the voice.") from None
    except APIError as error:
        raise _translated(error) from None
    except (httpx.HTTPError, FishAudioError) as error:
        raise ProviderUnavailableError(f"Fish Audio cannot be reached: {type(error).__name__}.") from None
    finally:
        await http.aclose()
    return _outcome(model)


def _outcome(model: "Voice") -> Outcome:
    if model.state == "failed":
        raise TrainingFailedError("Fish Audio could not create a voice from these samples.")
    return Outcome(engine="fish", reference=f"{FISH_PREFIX}{model.id}")


def _translated(error: APIError) -> Exception:
    if error.status in {401, 403}:
        return TrainingFailedError("Fish Audio refuses the key in ECHO_VOICE_FISH_API_KEY.")
    if error.status == 402:
        return TrainingFailedError("The Fish Audio account has no credit left.")
    if error.status in _BUSY or error.status >= 500:
        return ProviderUnavailableError(f"Fish Audio is busy ({error.status}).")
    return TrainingFailedError(f"Fish Audio refuses the samples ({error.status}).")


def _as_wav(recording: TrainingSample) -> bytes:
    """Convert to WAV, which every recogniser reads; Fish Audio detects the format from the content."""
    file = io.BytesIO()
    with av.open(str(recording.path), format="flac") as source, av.open(file, "w", format="wav") as target:
        stream = target.add_stream("pcm_s16le", rate=24_000, layout="mono")
        for frame in source.decode(audio=0):
            frame.pts = None
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return file.getvalue()
