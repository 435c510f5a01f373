"""An engine for tests: one beep a word, exact times, no dependency.

A word of n characters (of its IPA, when it is given) sounds for n x 50 ms, at least 100 ms, with 50 ms of silence after it. These words do more than beep:

- `tone-crash`: the process dies at once;
- `tone-hang`: the process never answers;
- `tone-fail`: the engine raises;
- `tone-print`: it prints to stdout, as libraries do;
- `tone-nan`, `tone-silence`, `tone-inf`, `tone-loud`: samples that are no numbers, zeros, infinite, 100 times full scale;
- `tone-short`, `tone-long`: a hundredth of the audio, an hour of it at most;
- `tone-cut`: half of the audio, the times as if it were whole; `tone-quiet-end`: zeros from its third on;
- `tone-late`, `tone-backwards`, `tone-timeless`: word times after the end, in reverse, none at all; `tone-nan-time`: one that is no number;
- `tone-rate`: the samples are said to have another rate;
- `tone-sicken`: whatever this process says after it is silence;
- `tone-peak`: peaks at 1.5 of full scale, as some models have;
- `tone-slow-250`: the answer takes 250 ms more (any number of digits; in words, for a normaliser may have been there, any multiple of 50).
"""

from collections.abc import Sequence

from echo_synthesis.engine import Engine, EngineConfig, EngineSpec, EngineVoice

VOICES = {"tone_low": 220.0, "tone_high": 440.0}
"""Hertz."""

SAMPLE_RATE = 16_000


def _voices(config: EngineConfig) -> Sequence[EngineVoice]:
    return [EngineVoice(id, id.replace("_", " ").title(), "en-US", "neutral", ("test",)) for id in VOICES]  # noqa: A001


def _missing(config: EngineConfig) -> Sequence[str]:
    return ()


def _load(config: EngineConfig) -> Engine:
    from echo_synthesis.engines.tone.beeper import Beeper

    return Beeper()


SPEC = EngineSpec(
    name="tone",
    version="tone-1",
    description="Beeps, one a word: for tests.",
    max_characters=400,
    sample_rate=SAMPLE_RATE,
    voices=_voices,
    missing=_missing,
    load=_load,
    tags=("test",),
    phonemes=True,
)
