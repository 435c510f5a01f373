"""The watermark of cloned speech: detection after changes, false alarms, audibility and cost.

The marked speech is that of stock voices, marked as cloned speech would be. The clean excerpts are unmarked speech of the same voices
and of real speakers (a folder of LibriSpeech-shaped recordings in ECHO_BENCH_RECORDINGS, if set), changed in many ways, noise and
music.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from bench.figure import Figure
from bench.stage import Stage
from bench.texts import story
from echo_common.audio.formats import FORMATS
from echo_synthesis.audio.decode import decode
from echo_synthesis.audio.encode import Encoder
from echo_synthesis.audio.watermark import (
    DETECTION_RATE,
    WatermarkDetector,
    Watermarker,
    WatermarkPattern,
    detection_threshold,
    to_detection_rate,
)
from tests.support import music

Floats = NDArray[np.float32]
Change = Callable[[Floats], tuple[Floats, int]]

RATE = 24_000
_PATTERN, _OTHER = WatermarkPattern.of(b"bench" * 8), WatermarkPattern.of(b"other" * 8)
_SECONDS = 3
_VOICES, _SENTENCES, _EXCERPTS = 12, 4, 6
_CLEAN = 10_000


def _coded(name: str) -> Change:
    def change(samples: Floats) -> tuple[Floats, int]:
        encoder = Encoder(FORMATS[name], RATE)
        return decode(encoder.feed(samples) + encoder.close(), FORMATS[name].mime)

    return change


def _resampled(rate: int) -> Change:
    return lambda samples: (np.asarray(soxr.resample(samples, RATE, rate), np.float32), rate)


def _amplified(decibels: float) -> Change:
    return lambda samples: (np.clip(samples * np.float32(10 ** (decibels / 20)), -1, 1), RATE)


def _noisy(samples: Floats) -> tuple[Floats, int]:
    level = 0.1 * float(np.sqrt(np.mean(samples**2)))
    return samples + np.random.default_rng(1).normal(0, level, len(samples)).astype(np.float32), RATE


_PROMISED = 6
"""The number of changes, the first ones, after which the watermark must be found."""

_CHANGES: Mapping[str, Change] = {
    "nothing": lambda samples: (samples, RATE),
    "MP3 at 64 kbit/s": _coded("mp3"),
    "resampling to 16 kHz": _resampled(16_000),
    "resampling to 8 kHz": _resampled(8_000),
    "-12 dB": _amplified(-12),
    "+12 dB, clipped": _amplified(12),
    "AAC at 64 kbit/s": _coded("aac"),
    "Opus at 48 kbit/s": _coded("ogg"),
    "noise 20 dB below": _noisy,
}


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Measure all figures once: they depend on the speech alone, except for the cost."""
    async with stage.session.get("/api/v1/voices", params={"limit": "100"}) as answer:
        answer.raise_for_status()
        voices = sorted(
            voice["id"]
            for voice in (await answer.json())["data"]
            if voice["engine"] == "kokoro" and voice["language"].startswith("en")
        )
    spoken = [await _speech(stage, voice) for voice in voices[:: max(1, len(voices) // _VOICES)][:_VOICES]]
    marked, seconds = await asyncio.to_thread(_mark, spoken, rounds)
    note = f"{len(spoken) * _EXCERPTS} excerpts of {_SECONDS} s, {len(spoken)} voices"
    figures = [await asyncio.to_thread(_detect, marked, what, change, note) for what, change in _CHANGES.items()]
    figures += await asyncio.to_thread(_alarm, spoken)
    figures += await asyncio.to_thread(_listen, spoken, marked)
    what = "Watermark: marking a second of speech"
    return [*figures, Figure("watermark", what, [1000 * each for each in seconds], "ms", at_most=10, note="one thread")]


async def _speech(stage: Stage, voice: str) -> Floats:
    result = await stage.synthesize(story(f"watermark {voice}", _SENTENCES), voice)
    async with stage.session.get(result["audio_url"]) as answer:
        answer.raise_for_status()
        samples, rate = decode(await answer.read(), "audio/wav")
    return np.asarray(soxr.resample(samples, rate, RATE), np.float32)


def _mark(spoken: Sequence[Floats], rounds: int) -> tuple[list[Floats], list[float]]:
    """Return marked speech, and the seconds that a second of it took, in each round."""
    seconds = []
    marked: list[Floats] = []
    for _ in range(rounds):
        started = time.perf_counter()
        markers = [(Watermarker(_PATTERN, RATE), samples) for samples in spoken]
        marked = [np.concatenate([marker.feed(samples), marker.close()]) for marker, samples in markers]
        seconds.append((time.perf_counter() - started) * RATE / sum(map(len, spoken)))
    return marked, seconds


def _detect(marked: Sequence[Floats], what: str, change: Change, note: str) -> Figure:
    detectors = [_search(*change(excerpt)) for samples in marked for excerpt in _excerpts(samples)]
    found = 100 * sum(detector.found for detector in detectors) / len(detectors)
    lowest = f"{note}; lowest score {min(detector.score for detector in detectors):.1f} of {detection_threshold(1):.1f}"
    promised = 99.0 if what in list(_CHANGES)[:_PROMISED] else None
    return Figure("watermark", f"Watermark: detected after {what}", [found], "%", at_least=promised, note=lowest)


def _alarm(spoken: Sequence[Floats]) -> list[Figure]:
    detectors = [_search(excerpt, DETECTION_RATE) for excerpt in _clean(spoken)]
    others = [_search(excerpt, RATE, _OTHER) for samples in _mark(spoken, 1)[0] for excerpt in _excerpts(samples)]
    note = (
        f"{_SECONDS} s each; highest score {max(detector.score for detector in detectors):.1f} of {detection_threshold(1):.1f}"
    )
    what = f"Watermark: false alarms in {len(detectors)} clean files"
    return [
        Figure("watermark", what, [sum(detector.found for detector in detectors)], at_most=0, note=note),
        Figure("watermark", "Watermark: of another installation, detected", [sum(each.found for each in others)], at_most=0),
    ]


def _listen(spoken: Sequence[Floats], marked: Sequence[Floats]) -> list[Figure]:
    from bench.clone_judges import quality

    judge = quality()
    if judge is None:
        return []
    lost = [judge(to_detection_rate(a, RATE)) - judge(to_detection_rate(b, RATE)) for a, b in zip(spoken, marked, strict=True)]
    note = f"mean of {len(lost)} voices; {min(lost):.3f} … {max(lost):.3f}"
    return [Figure("watermark", "Watermark: loss of DNSMOS", [float(np.mean(lost))], at_most=0.02, note=note)]


def _search(samples: Floats, rate: int, pattern: WatermarkPattern = _PATTERN) -> WatermarkDetector:
    detector = WatermarkDetector(pattern)
    detector.feed(to_detection_rate(samples, rate))
    detector.close()
    return detector


def _excerpts(samples: Floats) -> Iterator[Floats]:
    length = _SECONDS * RATE
    for start in np.linspace(0, len(samples) - length, _EXCERPTS):
        yield samples[int(start) : int(start) + length]


def _clean(spoken: Sequence[Floats]) -> Iterator[Floats]:
    """Yield clean excerpts at the detector's rate: three of five are speech, with other speed, level, tone and noise."""
    random = np.random.default_rng(1)
    voices = [to_detection_rate(samples, RATE) for samples in spoken] + _recordings()
    songs = [to_detection_rate(_song(number), music.RATE) for number in range(40)]
    for number in range(_CLEAN):
        source = songs if number % 5 == 0 else voices
        samples = source[int(random.integers(len(source)))]
        speed = random.choice([1.0, random.uniform(0.8, 1.25)])
        needed = round((_SECONDS + 0.1) * DETECTION_RATE * speed)
        start = int(random.integers(max(1, len(samples) - needed)))
        excerpt = soxr.resample(np.resize(samples[start : start + needed], needed), speed, 1.0)[: _SECONDS * DETECTION_RATE]
        if number % 5 == 1:
            excerpt = _noise(random, len(excerpt))
        elif number % 5 == 2:
            excerpt = excerpt + _noise(random, len(excerpt)) * random.uniform(0.001, 0.1)
        coloured = excerpt - random.uniform(-0.7, 0.7) * np.roll(excerpt, 1)
        yield (coloured * 10 ** random.uniform(-1, 0.3)).astype(np.float32)


def _noise(random: np.random.Generator, length: int) -> NDArray[np.float64]:
    """Generate noise of a random colour whose level changes in random places."""
    spectrum = np.fft.rfft(random.normal(0, 0.1, length))
    spectrum *= (1 + np.arange(len(spectrum)) / 100) ** -random.uniform(0, 1.5)
    level = np.interp(np.linspace(0, 20, length), np.arange(21), random.uniform(0.1, 1, 21))
    return np.asarray(np.fft.irfft(spectrum, length) * level)


def _song(number: int) -> Floats:
    return music.song(60 + 3 * number, number % 12, number % 2, drums=number % 3 / 2, seconds=10)


def _recordings() -> list[Floats]:
    folder = os.environ.get("ECHO_BENCH_RECORDINGS")
    if folder is None:
        return []
    from bench.clone_samples import read

    return [samples for person in read(Path(folder)).values() for samples in person]
