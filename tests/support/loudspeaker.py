"""A loudspeaker whose sound reaches a microphone through a room, for tests of spoken conversations."""

import numpy as np
import soxr
from numpy.typing import NDArray

from tests.support.recordings import RATE, spoken

MICROPHONE_RATE = 16_000
REPLY = "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. It is easy to tell the depth of a well."
INTERRUPTION = "Could you tell me about the weather in Hamburg?"
MESSAGE_SECONDS = 0.02

Samples = NDArray[np.float32]


def reply() -> Samples:
    """Return speech at `MICROPHONE_RATE` that a loudspeaker plays."""
    return _resampled(spoken(REPLY, pitch=40))


def interruption() -> Samples:
    """Return speech at `MICROPHONE_RATE` of the person at the microphone."""
    return _resampled(spoken(INTERRUPTION, voice="en-gb", pitch=70))


def through_room(sound: Samples, *, delay_seconds: float, decibels: float) -> Samples:
    """Return the sound of a loudspeaker at a microphone: delayed, attenuated, with a reverberation of 0.15 s and a little noise."""
    random = np.random.default_rng(1)
    times = np.arange(int(0.15 * MICROPHONE_RATE)) / MICROPHONE_RATE
    response = 0.3 * random.standard_normal(len(times)) * np.exp(-6.9 * times / 0.15)
    response[0] = 1.0
    response *= 10 ** (decibels / 20) / np.linalg.norm(response)
    heard = np.convolve(sound, response)[: len(sound)]
    delay = round(delay_seconds * MICROPHONE_RATE)
    heard = np.concatenate([np.zeros(delay), heard, np.zeros(MICROPHONE_RATE)])
    return np.asarray(heard + 0.001 * random.standard_normal(len(heard)), np.float32)


def mixed(one: Samples, other: Samples, at_seconds: float) -> Samples:
    """Return `one` with `other` added from a time on."""
    at = round(at_seconds * MICROPHONE_RATE)
    both = np.zeros(max(len(one), at + len(other)), np.float32)
    both[: len(one)] += one
    both[at : at + len(other)] += other
    return both


def pcm(samples: Samples) -> bytes:
    """Encode samples as 16 bits."""
    return np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def messages(sound: Samples) -> list[bytes]:
    """Return the microphone's messages of 20 ms."""
    size = round(2 * MESSAGE_SECONDS * MICROPHONE_RATE)
    data = pcm(sound)
    return [data[start : start + size] for start in range(0, len(data), size)]


def _resampled(sound: Samples) -> Samples:
    return np.asarray(soxr.resample(sound, RATE, MICROPHONE_RATE), np.float32)
