"""Quality of a clone's speech: word errors, opinion score and similarity to the speaker on sentences that training did not use.

The pitch of a clone is corrected by that of its speech: where a voice creaks, its speech is higher than its predicted pitch. A
clone whose speech falls short of the built-in voice it started from is moved back towards its start, step by step.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from echo_common.audio.style_file import PITCH_SCALES, PITCH_SHIFTS, VoiceStyle
from echo_voice.cloning.pitch import median_pitch
from echo_voice.cloning.resampling import down
from echo_voice.cloning.sentences import UNSEEN
from echo_voice.cloning.training import Trained

Floats = NDArray[np.float32]
Speak = Callable[[Sequence[int], VoiceStyle], Floats]
"""Function from tokens and a voice to samples at 24 kHz."""

Similarity = Callable[[Floats], float]
"""Function from speech at 16 kHz to its similarity to the speaker, by an encoder that training does not optimise."""

MORE_WORD_ERRORS: Final = 0.01
"""Share of words by which a clone's errors may exceed those of the built-in voice."""

LOWER_MOS: Final = 0.1
"""Amount by which a clone's opinion score may be below that of the built-in voice."""

SHARES: Final = (0.75, 0.5)
"""Shares of the way from the start to the trained voice that are tried when that voice falls short."""

_EXACT_SEMITONES: Final = 0.3
"""Deviation of the pitch that is not corrected: about as much as it differs between sentences."""

_MOST_SEMITONES: Final = 2.0
"""Largest correction of the pitch."""


class Judge(Protocol):
    """A judge of English speech."""

    def count_word_errors(self, samples: Floats, text: str) -> int | None:
        """Return the number of words of a text that speech at 16 kHz lacks, adds or changes; None without a recogniser."""

    def opinion(self, samples: Floats) -> float | None:
        """Return the estimated opinion score of speech at 16 kHz, 1 to 5; None without a model of it."""


@dataclass(frozen=True, slots=True)
class SpeechQuality:
    """Word errors relative to the number of words, and mean opinion score, None where there is no judge; similarity to the speaker.

    `pitch` is the median pitch in Hz, None without voiced speech.
    """

    word_errors: float | None
    mos: float | None
    similarity: float = 0.0
    pitch: float | None = None

    def is_near(self, other: "SpeechQuality") -> bool:
        """Return whether speech is about as clear as other speech; what was not measured counts as equal."""
        clear = (
            self.word_errors is None or other.word_errors is None or self.word_errors <= other.word_errors + MORE_WORD_ERRORS
        )
        clean = self.mos is None or other.mos is None or self.mos >= other.mos - LOWER_MOS
        return clear and clean


@dataclass(frozen=True, slots=True)
class Checked:
    """A checked voice, the quality of its speech, and the similarity of the built-in voice that it started from."""

    voice: VoiceStyle
    quality: SpeechQuality
    nearest_stock: float


def check(
    trained: Trained,
    pitch: float | None,
    nearest_stock: float,
    speak: Speak,
    judge: Judge,
    similarity: Similarity,
    judged: Callable[[int], None] = lambda count: None,
) -> Checked:
    """Return the trained voice, or one nearer to its start where its speech falls short, both with the speaker's pitch.

    `pitch` is the speaker's median pitch in Hz, None if it is not known. `nearest_stock` is the similarity of the built-in voice that the training started from; `similarity` compares speech at
    16 kHz with the speaker. `judged` receives the number of judged sentences.
    """
    stock = replace(stock_quality()[trained.stock], similarity=nearest_stock)
    measured = 0

    def measure(style: VoiceStyle) -> SpeechQuality:
        nonlocal measured
        quality = measure_speech(style, speak, judge, similarity, lambda count: judged(measured + count))
        measured += len(UNSEEN)
        return quality

    first = measure(trained.voice)
    semitones = deviation(first.pitch, pitch)
    if abs(semitones) > _EXACT_SEMITONES:
        start, voice = (transpose(style, -semitones) for style in (trained.start, trained.voice))
        voice, quality = choose(start, voice, stock, measure)
    else:
        voice, quality = choose(
            trained.start, trained.voice, stock, lambda style: first if style is trained.voice else measure(style)
        )
    return Checked(voice, quality, nearest_stock)


def deviation(pitch: float | None, wanted: float | None) -> float:
    """Return the deviation of a pitch in semitones, at most two; 0 where one of both is not known."""
    if pitch is None or wanted is None:
        return 0.0
    return float(np.clip(12 * np.log2(pitch / wanted), -_MOST_SEMITONES, _MOST_SEMITONES))


def transpose(voice: VoiceStyle, semitones: float) -> VoiceStyle:
    """Return a voice with another pitch and the same range in semitones, within the limits of style files."""
    factor = 2 ** (semitones / 12)
    scale, shift = np.clip(voice.pitch_scale * factor, *PITCH_SCALES), np.clip(voice.pitch_shift * factor, *PITCH_SHIFTS)
    return replace(voice, pitch_scale=float(scale), pitch_shift=float(shift))


def measure_speech(
    voice: VoiceStyle,
    speak: Speak,
    judge: Judge,
    similarity: Similarity,
    judged: Callable[[int], None] = lambda count: None,
) -> SpeechQuality:
    """Judge a voice by the unseen sentences, each while the next one is synthesised.

    Silent speech, and speech with a sample that is not finite, has all words wrong.
    """

    def assess(samples: Floats, text: str) -> tuple[int | None, float | None, float]:
        return judge.count_word_errors(samples, text), judge.opinion(samples), similarity(samples)

    spoken: list[Floats] = []

    tasks = []
    with ThreadPoolExecutor(1) as pool:
        for number, (text, tokens) in enumerate(UNSEEN, 1):
            samples = speak(tokens, voice)
            if not np.isfinite(samples).all() or not samples.any():
                return SpeechQuality(1.0, 1.0, -1.0)
            spoken.append(down(samples))
            tasks.append(pool.submit(assess, spoken[-1], text))
            judged(number)
        pitch = median_pitch(spoken)
        errors, opinions, similarities = zip(*(task.result() for task in tasks), strict=True)
    wrong = [count for count in errors if count is not None]
    scores = [score for score in opinions if score is not None]
    words = sum(len(text.split()) for text, _ in UNSEEN)
    return SpeechQuality(
        sum(wrong) / words if wrong else None,
        float(np.mean(scores)) if scores else None,
        float(np.mean(similarities)),
        pitch,
    )


def choose(
    start: VoiceStyle, trained: VoiceStyle, stock: SpeechQuality, measure: Callable[[VoiceStyle], SpeechQuality]
) -> tuple[VoiceStyle, SpeechQuality]:
    """Return the voice nearest to the trained one whose speech is about as good as that of the built-in voice.

    If none is, return the one that is nearest to the start. A voice that is less similar to the speaker than the built-in voice
    is replaced by the start.
    """
    voice, found = trained, measure(trained)
    for share in SHARES:
        if found.is_near(stock):
            break
        voice = between(start, trained, share)
        found = measure(voice)
    return (voice, found) if found.similarity >= stock.similarity else (start, measure(start))


def between(start: VoiceStyle, trained: VoiceStyle, share: float) -> VoiceStyle:
    """Return a voice on the way from the start (0) to the trained voice (1), with the prosody of the latter."""
    table = start.table + np.float32(share) * (trained.table - start.table)
    modulation = (np.float32(share) * trained.modulation.astype(np.float32)).astype(np.float16)
    return replace(trained, table=table, modulation=modulation)


def stock_quality() -> Mapping[str, SpeechQuality]:
    """Load the quality of the built-in voices' speech, measured with `measure_speech`."""
    stored = json.loads((files("echo_voice.cloning") / "stock_quality.json").read_text("utf-8"))
    return {name: SpeechQuality(**numbers) for name, numbers in stored.items()}
