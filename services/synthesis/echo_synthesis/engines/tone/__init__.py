"""Test engine: one beep per word, exact times, no dependencies.

Another take is slightly higher. A word of n characters (of its IPA, if given) sounds for n x 50 ms, at least 100 ms, followed by 50 ms of silence. These words
have extra effects:

- `tone-crash`: the process aborts;
- `tone-hang`: the process never responds;
- `tone-fail`: the engine raises an exception;
- `tone-print`: the engine prints to stdout, as some libraries do;
- `tone-nan`, `tone-silence`, `tone-inf`, `tone-loud`: samples that are NaN, zero, infinite, multiplied by 100;
- `tone-short`, `tone-long`: a hundredth of the audio, ten minutes of it;
- `tone-cut`: half of the audio with the times of all of it; `tone-quiet-end`: zeros after the first third;
- `tone-late`, `tone-backwards`, `tone-timeless`, `tone-nan-time`: word times after the end, in reverse, missing, NaN;
- `tone-clip`, `tone-clip-once`: clipped samples, in all takes or in the first one;
- `tone-rate`: half the true sample rate in the result;
- `tone-sicken`: silence in all later results of this process;
- `tone-hiss`: noise, which has the frequencies of a watermark;
- `tone-peak`: peaks at 1.5 times full scale, as some models have;
- `tone-slow-250`: a response 250 ms later (any number of digits; in words, as a normaliser writes them, multiples of 50 up to
  2000).
"""

from collections.abc import Sequence

from echo_synthesis.engine import Engine, EngineConfig, EngineSpec, EngineVoice

VOICES = {"tone_low": 220.0, "tone_high": 440.0}
"""Frequency of each voice, in hertz."""

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
