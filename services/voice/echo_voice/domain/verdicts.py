"""Verdicts on a sample's measures, each with a sentence of advice."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from echo_voice.domain.values import Measures, Verdict

LEAST_SPEECH = 3.0
"""Minimum seconds of speech; a sample with less is rejected."""

_Word = Literal["good", "fair", "poor", "rejected", "unknown"]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Bounds of a measure from worst to best, with advice for each step below the best. `rising`: higher is better."""

    measure: str
    bounds: tuple[float, float, float]
    advice: tuple[str, str, str]
    rising: bool = True
    rejects: bool = True


_WORDS: tuple[_Word, ...] = ("rejected", "poor", "fair", "good")
_FINE = "Nothing to do."
_SCALES = (
    _Scale(
        "speech_seconds",
        (LEAST_SPEECH, 8.0, 20.0),
        (
            "There is hardly any speech in it: record at least ten seconds of one person speaking.",
            "Record more: ten to sixty seconds of speech give a much better voice.",
            "Twenty seconds of speech or more would be better still.",
        ),
    ),
    _Scale(
        "snr",
        (3.0, 12.0, 20.0),
        (
            "The background is as loud as the speech: record in a quiet room, close to the microphone.",
            "The background is loud: record in a quieter room, or closer to the microphone.",
            "Some background can be heard: a quieter room would be better.",
        ),
    ),
    _Scale(
        "clipping",
        (0.05, 0.005, 0.0005),
        (
            "The recording is overdriven throughout: turn the input level down and record again.",
            "Loud moments are cut off: turn the input level down.",
            "A few peaks are cut off: a slightly lower input level would be better.",
        ),
        rising=False,
    ),
    _Scale(
        "loudness",
        (-60.0, -45.0, -35.0),
        (
            "It is almost silent: check that the microphone is on.",
            "It is very quiet: turn the input level up, or come closer to the microphone.",
            "It is quiet: come a little closer to the microphone.",
        ),
        rejects=False,
    ),
    _Scale(
        "mos",
        (1.5, 2.3, 2.9),
        (
            "The sound is very poor: record with a better microphone, without effects or compression.",
            "The sound is poor: record in a quieter room, without effects or strong compression.",
            "The sound is fair: a better microphone or less echo in the room would help.",
        ),
        rejects=False,
    ),
)


def judge(quality: Measures) -> Sequence[Verdict]:
    """Judge every measure; a rejected measure rejects the sample."""
    return [*(_on_scale(scale, getattr(quality, scale.measure)) for scale in _SCALES), _on_speakers(quality.speakers)]


def _on_scale(scale: _Scale, value: float | None) -> Verdict:
    if value is None:
        return Verdict(measure=scale.measure, value=None, verdict="unknown", advice="Not measured on this machine.")
    step = sum(value >= bound if scale.rising else value <= bound for bound in scale.bounds)
    word = _WORDS[step] if step or scale.rejects else "poor"
    return Verdict(measure=scale.measure, value=value, verdict=word, advice=scale.advice[step] if step < 3 else _FINE)


def _on_speakers(speakers: int | None) -> Verdict:
    if speakers is None:
        return Verdict(measure="speakers", value=None, verdict="unknown", advice="Not measured on this machine.")
    if speakers > 1:
        advice = "Several people speak: cut the recording so that only one is heard."
        return Verdict(measure="speakers", value=speakers, verdict="rejected", advice=advice)
    return Verdict(measure="speakers", value=1, verdict="good", advice=_FINE)
