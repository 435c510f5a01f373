"""Intelligibility of texts in written form, compared with the same texts spelled out by hand."""

import asyncio
import io
import re
import wave
from collections.abc import Sequence

import jiwer
import numpy as np

from bench.figure import Figure
from bench.stage import Stage
from echo_synthesis.engine import Speech
from echo_synthesis.text.say_as import verbalize_short_text
from tests.support.models import Recogniser
from tests.support.written_texts import WRITTEN

_VOICE = "af_heart"


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Synthesise each case with Kokoro as written, and spelled out without normalisation, and recognise both.

    Figures in the recogniser's output count as their spoken words.
    """
    recogniser = await asyncio.to_thread(Recogniser)
    expected, read, spelled = [], [], []
    for written, by_hand in WRITTEN:
        expected.append(_words(by_hand))
        read.append(await _heard(stage, recogniser, written, normalize=True))
        spelled.append(await _heard(stage, recogniser, by_hand, normalize=False))
    errors, reference = (100 * jiwer.wer(expected, heard) for heard in (read, spelled))
    note = f"{len(WRITTEN)} cases"
    return [
        Figure("", "Word error rate of texts written out by hand", [reference], "%", note=note),
        Figure("", "Word error rate of the same texts as usually written", [errors], "%", at_most=reference + 3, note=note),
    ]


async def _heard(stage: Stage, recogniser: Recogniser, text: str, *, normalize: bool) -> str:
    body = {"text": text, "voice_id": _VOICE, "config": {"normalize": normalize, "language": "en-US"}}
    async with stage.session.post("/api/v1/tts/synthesize", json=body) as answer:
        answer.raise_for_status()
        result = (await answer.json())["data"]
    async with stage.session.get(result["audio_url"]) as answer:
        answer.raise_for_status()
        sound = await answer.read()
    with wave.open(io.BytesIO(sound)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / np.float32(32768)
        speech = Speech(samples, file.getframerate(), (), "model")
    heard = await asyncio.to_thread(recogniser.transcribe, speech)
    return _words(verbalize_short_text(heard, "en-US")) or "nothing"


def _words(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9']+", text.lower().replace("-", " ")))
