"""Tests of the number of speakers, counted by whether windows of speech form two groups."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pytest

from echo_voice.analysis.measure import count_speakers
from echo_voice.cloning.encoders.embeddings import unit
from echo_voice.similarity import SAMPLE_RATE, Samples, Vector

_DIRECTIONS = np.eye(3, dtype=np.float32)


class FakeEncoder:
    """An encoder that identifies speakers by the sign and size of the samples, with some spread."""

    name = "fake"
    builtin: Mapping[str, Vector] = MappingProxyType({})

    def __init__(self, alike: float, *, tells_people_apart: bool = True) -> None:
        self.tells_people_apart = tells_people_apart
        self._other = unit(np.array([alike, np.sqrt(1 - alike**2), 0]))

    def embed(self, samples: Samples) -> Vector:
        share = float((samples > 0).mean())
        return unit((1 - share) * _DIRECTIONS[0] + share * self._other + 0.2 * np.sin(samples.sum()) * _DIRECTIONS[2])


def turns(*seconds: float) -> Samples:
    """Return two alternating speakers, in turns of these durations in seconds."""
    parts: Sequence[Samples] = [
        np.full(int(length * SAMPLE_RATE), float(number % 2), np.float32) for number, length in enumerate(seconds)
    ]
    return np.concatenate(parts)


@pytest.mark.parametrize(
    ("alike", "seconds", "speakers"),
    [
        (0.6, (20,), 1),
        (0.6, (10, 10), 2),
        (0.6, (3, 3, 3, 3), 2),
        (0.5, (20, 3), 2),  # a remark from aside
        (0.75, (20, 2), 1),  # the same voice in another mood
        (0.9, (10, 10), 1),
    ],
)
def test_alternating_speakers_are_counted_as_several(alike: float, seconds: tuple[float, ...], speakers: int) -> None:
    assert count_speakers(FakeEncoder(alike), turns(*seconds)) == speakers


def test_encoders_that_do_not_distinguish_speakers_give_no_count() -> None:
    assert count_speakers(FakeEncoder(0.5, tells_people_apart=False), turns(10, 10)) is None
