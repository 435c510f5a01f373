"""Accuracy and speed of audio features, on generated signals with known answers."""

import asyncio
import io
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import soxr

from bench.figure import Figure
from bench.stage import Stage
from bench.texts import story
from echo_listening.domain.features import TrackFeatures
from echo_listening.features.analyse import analyse
from echo_listening.features.analyser import SandboxedFeatureAnalyser
from echo_listening.settings import ListeningSettings
from tests.support import music
from tests.support.recordings import wav

_TEMPI = tuple(range(60, 181, 5))
_CLOSE = 0.02
_OCTAVES = (0.5, 2.0)
_SPOKEN = 0.66
_VOICES = ("af_heart", "am_adam", "bf_emma", "piper_joe")
_SENTENCES = 4
_SPEED_SECONDS = 120


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Compare the features of generated signals with their answers; time the sandboxed process, its start included."""
    return [
        *await asyncio.to_thread(lambda: [*_measure_tempo(), *_measure_key()]),
        *await _measure_speech(stage),
        await _measure_speed(rounds),
    ]


def _measure_tempo() -> Iterator[Figure]:
    metronomes = [(bpm, music.clicks(bpm, 12)) for bpm in _TEMPI]
    songs = [
        (bpm, music.song(bpm, place % 12, place % 2, drums=drums, seconds=12, seed=place))
        for place, bpm in enumerate(_TEMPI)
        for drums in (0.0, 0.5, 1.0)
    ]
    for what, signals in (("metronomes", metronomes), ("songs", songs)):
        factors = [(_features(sound).tempo or 0.0) / bpm for bpm, sound in signals]
        right = [abs(factor - 1) <= _CLOSE for factor in factors]
        octaves = [any(abs(factor / octave - 1) <= _CLOSE for octave in _OCTAVES) for factor in factors]
        note = f"{len(signals)} from {_TEMPI[0]} to {_TEMPI[-1]} BPM"
        yield Figure("features", f"Tempo of {what}: within 2 %", [_per_cent(right)], "%", at_least=90, note=note)
        yield Figure("features", f"Tempo of {what}: half or double", [_per_cent(octaves)], "%")


def _measure_key() -> Iterator[Figure]:
    keys = [(key, mode) for mode in (0, 1) for key in range(12)]
    signals = {
        "scales": [(key, mode, music.scale(key, mode)) for key, mode in keys],
        "chords": [
            (key, mode, music.cadence(key, mode, repeated=1, harmonics=harmonics)) for key, mode in keys for harmonics in (1, 6)
        ],
        "songs with drums": [(key, mode, music.song(120, key, mode, drums=1.0, seconds=10, seed=key)) for key, mode in keys],
    }
    for what, those in signals.items():
        found = [(_features(sound), key, mode) for key, mode, sound in those]
        note = f"{len(those)} in all 24 keys"
        both = [(one.key, one.mode) == (key, mode) for one, key, mode in found]
        yield Figure("features", f"Key and mode of {what}: right", [_per_cent(both)], "%", at_least=95, note=note)
    without = [music.noise(8, seed=seed) for seed in range(8)] + [music.applause(8, seed=seed) for seed in range(8)]
    features = [_features(sound) for sound in without]
    undefined = [one.key == -1 and one.mode is None and one.tempo is None for one in features]
    yield Figure("features", "Noise and applause: neither key nor tempo", [_per_cent(undefined)], "%", at_least=95)


async def _measure_speech(stage: Stage) -> list[Figure]:
    async with stage.session.get("/api/v1/voices", params={"limit": "100"}) as answer:
        answer.raise_for_status()
        voices = sorted({voice["id"] for voice in (await answer.json())["data"]} & set(_VOICES))
    spoken = [await _speech(stage, story(f"features {voice}", _SENTENCES), voice) for voice in voices]
    played = [music.song(bpm, bpm % 12, bpm % 2, drums=drums, seconds=8) for bpm in _TEMPI for drums in (0.0, 0.5)]
    heard = [await asyncio.to_thread(_features, sound) for sound in [*spoken, *played]]
    speeches, songs = heard[: len(spoken)], heard[len(spoken) :]
    found = [(one.speechiness or 0.0) >= _SPOKEN and one.key == -1 and one.tempo is None for one in speeches]
    mistaken = [(one.speechiness or 0.0) >= _SPOKEN / 2 for one in songs]
    note = f"the voices {', '.join(voices)}"
    return [
        Figure("features", "Speech: found, without key and tempo", [_per_cent(found)], "%", at_least=95, note=note),
        Figure("features", "Songs: taken for speech", [_per_cent(mistaken)], "%", at_most=5, note=f"{len(songs)} songs"),
    ]


async def _measure_speed(rounds: int) -> Figure:
    analyser = SandboxedFeatureAnalyser(ListeningSettings())
    with tempfile.TemporaryDirectory(prefix="echo-bench-") as folder:
        path = Path(folder) / "song.wav"
        path.write_bytes(wav(music.song(120, 0, 1, seconds=_SPEED_SECONDS)))
        speeds = []
        for _ in range(rounds):
            started = time.perf_counter()
            await analyser.analyse(path)
            speeds.append(_SPEED_SECONDS / (time.perf_counter() - started))
    note = f"{_SPEED_SECONDS} s of WAV, one thread, with the start of the process"
    return Figure("features", "Analysis: seconds of audio a second", speeds, "s/s", at_least=10, note=note)


async def _speech(stage: Stage, text: str, voice: str) -> music.Sound:
    result = await stage.synthesize(text, voice)
    async with stage.session.get(result["audio_url"]) as answer:
        answer.raise_for_status()
        data = await answer.read()
    with av.open(io.BytesIO(data), "r") as container:
        rate = container.streams.audio[0].rate
        to_float = av.AudioResampler(format="flt", layout="mono")
        blocks = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in to_float.resample(frame)]
    return np.asarray(soxr.resample(np.concatenate(blocks), rate, music.RATE), np.float32)


def _features(sound: music.Sound) -> TrackFeatures:
    return analyse(sound[None])


def _per_cent(found: Sequence[bool]) -> float:
    return 100 * sum(found) / len(found)
