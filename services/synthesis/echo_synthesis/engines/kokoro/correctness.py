"""Comparison of a backend's speech with the reference backend's.

The reference is the float32 model in ONNX Runtime: plain IEEE arithmetic, equal on every processor. The published int8 model
rounds every activation, and its kernels saturate on processors without VNNI, so it is checked like every other backend.
`reference.npz` stores the reference's output for a few sentences: a check needs no second model, and every backend of a machine
is checked. `python -m echo_synthesis.engines.kokoro.correctness MODELS` regenerates that file when the graph changes.
"""

# ruff: noqa: RUF001
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echo_synthesis.engines.kokoro import SAMPLE_RATE
from echo_synthesis.engines.kokoro.alphabet import TOKENS
from echo_synthesis.engines.kokoro.runtimes import BACKENDS, REFERENCE, SAMPLES_A_FRAME, Runtime

BOUNDS: Mapping[str, float] = {"level": 3.0, "length": 0.05, "tokens": 0.5, "spectrum": 6.0}
"""Maximum deviation from the reference, for each sentence:

- `level`: difference of the root mean square, in dB.
- `length`: difference of the duration, relative to the reference's.
- `tokens`: mean difference of a token's duration, in frames of 25 ms.
- `spectrum`: mean difference of the log-mel spectrum, in dB, after both are aligned by their tokens.

On a processor with AVX-512 BF16 the worst sentence had, in this order: 0.15, 0, 0.01 and 1.6 (openvino-bf16), 0.22, 0.002, 0.01
and 1.5 (openvino-int8+bf16), 0.14, 0, 0 and 0.58 (openvino-int8), 0.19, 0, 0 and 0.48 (openvino-f32), 0.89, 0.004, 0.07 and 3.5
(onnxruntime-int8). Each bound is thus at least 1.7 times the worst of a correct
backend. Incorrect speech is far beyond: noise of the right level and length has a `spectrum` of 21, correct speech delayed by
100 ms 7.5, and one frame per token a `length` of 0.6.
"""

_REFERENCE_FILE = Path(__file__).with_name("reference.npz")
_BANDS, _WINDOW, _RANGE_DB, _STEPS = 40, 2048, 60.0, 255


class IncorrectSpeechError(Exception):
    """Incorrect speech of a backend; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A reference sentence as phonemes, independent of the version of espeak."""

    voice: str
    phonemes: str

    def tokens(self) -> NDArray[np.int64]:
        """Return the model's input, shape (1, n + 2) for n phonemes."""
        return np.array([[0, *(TOKENS[symbol] for symbol in self.phonemes), 0]], np.int64)

    def style(self, home: Path) -> NDArray[np.float32]:
        """Return the voice's style for a sentence of this length, shape (1, 256)."""
        styles = np.fromfile(home / "voices" / f"{self.voice}.bin", np.float32).reshape(-1, 256)
        return styles[len(self.phonemes) - 1 : len(self.phonemes)]


START = Sentence("af_heart", "həlˈoʊ, hˌaʊ ɑːɹ juː tədˈeɪ?")
"""Sentence that every engine worker speaks before it is ready."""

TIMED = Sentence("bm_george", "ðɪ ˈəʊld bˈeɪkə ɹɪpˈeəd ðə bɹˈəʊkən klˈɒk, and dɪskɹˈaɪbd sˈɛvən lˈɛtəz wɪð ɡɹˈeɪt kˈeə.")

SENTENCES: Sequence[Sentence] = (
    START,
    TIMED,
    Sentence("ef_dora", "maɲˈana poɾ la tˈaɾðe, el kˌapitˈan nwˈeβo ðˌeskuβɾiˈo ˈuna kˈasa βaθˈia θˈeɾka ðel rˈio."),
    Sentence("ff_siwis", "bɔ̃ʒˈuʁ a tˈus."),
    Sentence("hf_alpha", "ˈaːɟ mˈɔːsəm bˈʌhʊt ˈʌcʰcʰaː hɛː."),
    Sentence(
        "am_adam",
        "lˈeɪt æt nˈaɪt, ˈæftɚ ðə ɹˈeɪn, ɐ tˈaɪɚd dˈɑːktɚ kˈæɹid ɐ bɹˈaɪt lˈæntɚn ɐlˈɔŋ ðə lˈɔŋ ɹˈoʊd baɪ ðə ɹˈɪvɚ, wˌɛɹ ðə "
        "tʃˈɪldɹən hæd pˈeɪntᵻd ɐ wˈʊdən bˈoʊt, ænd ɹᵻmˈɛmbɚd ɐn ˈɛmpti hˈaʊs ðæt stˈʊd, bᵻsˌaɪd ðə sˈiː ʌntˈɪl ðə sˈʌn wɛnt dˈaʊn.",
    ),
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """Measured speech of a reference sentence: frames per token, level in dB, log-mel spectrum in dB with one row per frame."""

    durations: NDArray[np.float64]
    level: float
    spectrum: NDArray[np.float64]


def check(runtime: Runtime, home: Path, sentences: Sequence[Sentence] = SENTENCES) -> Mapping[str, float]:
    """Speak sentences and return their largest deviations from the reference, by the names in `BOUNDS`.

    Raises:
        IncorrectSpeechError: The speech cannot be compared.
    """
    figures = dict.fromkeys(BOUNDS, 0.0)
    for sentence in sentences:
        deviations = compare(speak(runtime, home, sentence), reference()[sentence])
        figures = {name: float(np.maximum(figures[name], round(deviations[name], 3))) for name in BOUNDS}
    return figures


def problem(figures: Mapping[str, float]) -> str | None:
    """Describe the deviations beyond their bounds; None when all are within."""
    # in this form, a NaN exceeds every bound
    over = [f"{name} {figures[name]:.3g} (at most {bound:g})" for name, bound in BOUNDS.items() if not figures[name] <= bound]
    return f"its speech differs from the reference: {', '.join(over)}" if over else None


def speak(runtime: Runtime, home: Path, sentence: Sentence) -> Spoken:
    """Speak a sentence.

    Raises:
        IncorrectSpeechError: The speech cannot be compared: it is not finite, silent, or of the wrong length.
    """
    samples, durations = runtime.run(sentence.tokens(), sentence.style(home), 1.0)
    if not np.isfinite(samples).all() or not np.isfinite(durations).all():
        raise IncorrectSpeechError("its speech has samples or durations that are not finite")
    if len(durations) != len(sentence.phonemes) + 2 or (durations < 0).any():
        raise IncorrectSpeechError(f"it gives {len(durations)} durations for {len(sentence.phonemes) + 2} tokens")
    frames = round(float(durations.sum()))
    if not frames or len(samples) != frames * SAMPLES_A_FRAME:
        raise IncorrectSpeechError(f"it gives {len(samples)} samples where its durations say {frames * SAMPLES_A_FRAME}")
    if not samples.any():
        raise IncorrectSpeechError("it is silent")
    return analyse(samples, durations)


def analyse(samples: NDArray[np.float32], durations: NDArray[np.float32]) -> Spoken:
    """Measure the durations, the level and the spectrum of speech."""
    # powers of samples far beyond full scale would overflow; such speech is incorrect anyway
    whole = np.clip(samples.astype(np.float64), -1e3, 1e3)
    level = 10 * np.log10(np.mean(whole**2) + 1e-12)
    return Spoken(durations.astype(np.float64), float(level), _log_mel(whole))


def compare(spoken: Spoken, expected: Spoken) -> Mapping[str, float]:
    """Return the deviations of speech from the reference, by the names in `BOUNDS`."""
    frames, expected_frames = spoken.durations.sum(), expected.durations.sum()
    # map each frame of the reference to its position in the same token of the other
    starts, expected_starts = (np.concatenate([[0.0], np.cumsum(one.durations)]) for one in (spoken, expected))
    places = np.interp(np.arange(len(expected.spectrum)) + 0.5, expected_starts, starts) - 0.5
    places = np.clip(places, 0, len(spoken.spectrum) - 1)
    below = np.floor(places).astype(int)
    above, share = np.minimum(below + 1, len(spoken.spectrum) - 1), (places - below)[:, np.newaxis]
    aligned = (1 - share) * spoken.spectrum[below] + share * spoken.spectrum[above]
    # levels 60 dB below the loudest are inaudible
    floor = expected.spectrum.max() - _RANGE_DB
    distance = np.abs(np.maximum(aligned, floor) - np.maximum(expected.spectrum, floor)).mean()
    return {
        "level": float(abs(spoken.level - expected.level)),
        "length": float(abs(frames - expected_frames) / expected_frames),
        "tokens": float(np.abs(spoken.durations - expected.durations).mean()),
        "spectrum": float(distance),
    }


@lru_cache
def reference() -> Mapping[Sentence, Spoken]:
    """Read the stored speech of the reference."""
    with np.load(_REFERENCE_FILE) as stored:
        return {
            sentence: Spoken(
                stored[f"{number}.durations"].astype(np.float64),
                float(stored[f"{number}.level"]),
                stored[f"{number}.loudest"] + (stored[f"{number}.spectrum"] / _STEPS - 1) * _RANGE_DB,
            )
            for number, sentence in enumerate(SENTENCES)
        }


def write_reference(home: Path) -> None:
    """Speak all sentences with the reference backend and store the results."""
    runtime = BACKENDS[REFERENCE](home, 2)
    arrays: dict[str, NDArray[np.generic] | np.float32] = {}
    for number, sentence in enumerate(SENTENCES):
        spoken = speak(runtime, home, sentence)
        loudest = spoken.spectrum.max()
        scaled = np.clip((spoken.spectrum - loudest) / _RANGE_DB + 1, 0, 1)
        arrays |= {
            f"{number}.durations": spoken.durations.astype(np.uint8),
            f"{number}.level": np.float32(spoken.level),
            f"{number}.loudest": np.float32(loudest),
            f"{number}.spectrum": np.round(scaled * _STEPS).astype(np.uint8),
        }
    np.savez_compressed(_REFERENCE_FILE, allow_pickle=False, **arrays)


def _log_mel(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mel spectrum in dB: one row per frame of 600 samples, with the window centred on the frame."""
    frames = len(samples) // SAMPLES_A_FRAME
    padding = (_WINDOW - SAMPLES_A_FRAME) // 2
    padded = np.pad(samples, (padding, _WINDOW))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::SAMPLES_A_FRAME][:frames]
    power = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW), axis=1)) ** 2
    return 10 * np.log10(power @ _mel_filters().T + 1e-12)


@lru_cache
def _mel_filters() -> NDArray[np.float64]:
    """Return triangular filters, evenly spaced on the mel scale from 50 Hz to 10 kHz."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (50.0, 10_000.0))
    edges = 700 * (10 ** (np.linspace(low, high, _BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)
    rising = (bins - edges[:-2, np.newaxis]) / np.diff(edges)[:-1, np.newaxis]
    falling = (edges[2:, np.newaxis] - bins) / np.diff(edges)[1:, np.newaxis]
    return np.maximum(0, np.minimum(rising, falling))


if __name__ == "__main__":
    write_reference(Path(sys.argv[1]) / "kokoro")
