"""Synthesis of the test engine."""

import os
import re
import time
from collections.abc import Iterator
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_synthesis.engine import Speech, Utterance, WordTime
from echo_synthesis.engines.tone import SAMPLE_RATE, VOICES
from echo_synthesis.engines.tone.faults import inject_faults
from echo_synthesis.text.english.numbers import cardinal

_SECONDS_A_CHARACTER = 0.05
_SHORTEST = 0.1
_GAP = 0.05
_HERTZ_A_TAKE, _TAKES = 0.01, 20
_SAID = {cardinal(milliseconds): milliseconds for milliseconds in range(2_000, 0, -50)}
_SLOW = re.compile(rf"tone-slow-(\d+|{'|'.join(sorted(_SAID, key=len, reverse=True))})")


class Beeper:
    """The test engine."""

    def __init__(self) -> None:
        self._ill = False

    def prepare(self) -> Iterator[None]:
        """Make one step; there is nothing to prepare, but pools are tested with this engine."""
        yield

    def speak(self, utterance: Utterance) -> Speech:
        if utterance.voice not in VOICES:
            raise VoiceNotFoundError(f"There is no voice {utterance.voice}.")
        parts: list[NDArray[np.float32]] = []
        words: list[WordTime] = []
        position = 0
        for slow in _SLOW.findall(utterance.text):
            time.sleep((_SAID.get(slow) or int(slow)) / 1000)
        for span, ipa in zip_longest(utterance.words, utterance.pronunciations):
            word = ipa or utterance.text[span.start : span.end]
            _misbehave(word)
            seconds = max(_SHORTEST, len(word) * _SECONDS_A_CHARACTER) / utterance.speed
            beep = _beep(VOICES[utterance.voice] * (1 + _HERTZ_A_TAKE * (utterance.take % _TAKES)), seconds)
            words.append(WordTime(position / SAMPLE_RATE, (position + len(beep)) / SAMPLE_RATE))
            parts += [beep, np.zeros(round(_GAP / utterance.speed * SAMPLE_RATE), np.float32)]
            position += len(beep) + len(parts[-1])
        samples = np.concatenate(parts) if parts else np.zeros(round(_SHORTEST * SAMPLE_RATE), np.float32)
        speech = Speech(samples, SAMPLE_RATE, tuple(words), "model")
        said = {utterance.text[span.start : span.end] for span in utterance.words}
        spoilt = inject_faults(speech, said | {"tone-silence"} if self._ill else said, utterance.take)
        self._ill = self._ill or "tone-sicken" in said
        return spoilt


def _beep(hertz: float, seconds: float) -> NDArray[np.float32]:
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    fade = np.minimum(1.0, np.minimum(times, times[::-1]) / 0.01)
    return (0.3 * fade * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def _misbehave(word: str) -> None:
    if word == "tone-crash":
        os.abort()
    elif word == "tone-hang":
        time.sleep(1e9)
    elif word == "tone-fail":
        raise RuntimeError("asked to fail")
    elif word == "tone-print":
        print("noise on stdout", flush=True)  # noqa: T201
