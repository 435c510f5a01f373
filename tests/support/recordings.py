"""Synthetic recordings for tests."""

import io
import subprocess
import sys
import wave
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import soxr
from numpy.typing import NDArray

RATE = 24_000


TEXT = (
    "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. It is easy to tell the depth of "
    "a well. These days a chicken leg is a rare dish. Rice is often served in round bowls."
)


@cache
def spoken(text: str = TEXT, *, voice: str = "en-us", pitch: int = 50) -> NDArray[np.float32]:
    """Return speech at 24 kHz that voice detectors and recognisers accept; espeak runs in a child process.

    The array is read-only, because calls with the same arguments return the same one.
    """
    command = [sys.executable, "-m", "tests.support.espeak_process", voice, str(pitch), text]
    done = subprocess.run(command, capture_output=True, check=True, cwd=Path(__file__).parents[2])
    head, _, body = done.stdout.partition(b"\n")
    samples = np.frombuffer(body, "<i2").astype(np.float32) / 32768
    sound = np.asarray(soxr.resample(samples, int(head), RATE), np.float32)
    sound.flags.writeable = False
    return sound


def harmonics(pitch: float, seconds: float, partials: int = 11, rate: int = 16_000) -> NDArray[np.float32]:
    """Return a tone of a pitch in Hz with overtones of decreasing strength."""
    time = np.arange(round(seconds * rate)) / rate
    return np.asarray(sum(np.sin(2 * np.pi * pitch * n * time) / n for n in range(1, partials + 1)) / 5, np.float32)


def noisy_voice(seconds: float, seed: int = 0, pitch: float = 120) -> NDArray[np.float32]:
    """Return a pulsating tone with overtones in noise at 16 kHz: spectra that differ from frame to frame, as those of speech."""
    tone = 5 * harmonics(pitch, seconds, partials=19)
    pulses = 1 + np.sin(2 * np.pi * 3 * np.arange(len(tone)) / 16_000)
    noise = np.random.default_rng(seed).standard_normal(len(tone)) / 5
    return np.asarray((tone * pulses + noise) / 30, np.float32)


def wav(sound: NDArray[np.float32], rate: int = RATE) -> bytes:
    """Encode samples as a WAV file of 16 bits."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, rate, 0, "NONE", ""))
        writer.writeframes(np.rint(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()


def encoded(sound: NDArray[np.float32], container: str, codec: str, rate: int = RATE) -> bytes:
    """Encode samples in another format."""
    file = io.BytesIO()
    values = np.rint(np.clip(sound, -1, 1) * 32767).astype(np.int16)
    with av.open(file, "w", format=container) as target:
        stream: Any = target.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(values[None], format="s16", layout="mono")
        frame.sample_rate = rate
        for resampled in av.AudioResampler(stream.format.name, "mono", rate, stream.codec_context.frame_size or None).resample(
            frame
        ):
            target.mux(stream.encode(resampled))
        target.mux(stream.encode(None))
    return file.getvalue()


def video(sound: NDArray[np.float32]) -> bytes:
    """Return a grey video with this audio."""
    file = io.BytesIO()
    values = np.rint(np.clip(sound, -1, 1) * 32767).astype(np.int16)
    with av.open(file, "w", format="mp4") as target:
        picture: Any = target.add_stream("mpeg4", rate=5)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        track: Any = target.add_stream("aac", rate=RATE, layout="mono")
        for _ in range(int(5 * len(sound) / RATE)):
            target.mux(picture.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 99, np.uint8), format="rgb24")))
        frame = av.AudioFrame.from_ndarray(values[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        for resampled in av.AudioResampler("fltp", "mono", RATE, 1024).resample(frame):
            target.mux(track.encode(resampled))
        target.mux(picture.encode(None))
        target.mux(track.encode(None))
    return file.getvalue()
