"""Training of a Kokoro voice that resembles a speaker, by gradient descent through the model.

The start has the speaker's pitch, range and rate. The descent changes the timbre half of the style, and the scales and shifts
that the timbre sets in the decoder: 37,396 numbers, in which the decoder can express voices that no timbre has. A penalty on
the distance from the start keeps words intelligible.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echo_common.audio.style_file import MODULATION, ROWS, STYLE, TIMBRE, StyleFileError, VoiceStyle
from echo_common.contracts.http.voice import CloneKind
from echo_voice.cloning.decoder import UNCHANGED, Decoder, PitchMap, Plan
from echo_voice.cloning.descent import Moments, rate_of
from echo_voice.cloning.failure import CloningError
from echo_voice.cloning.objective import Encoders, Objective, mean_embedding
from echo_voice.cloning.sentences import count_steps, sentences_of
from echo_voice.cloning.start import start
from echo_voice.domain.rhythm import Rhythm

Floats = NDArray[np.float32]
_SIZE = TIMBRE + MODULATION
_CHECKED_EVERY: Mapping[CloneKind, int] = {"instant": 4, "professional": 8}
"""Steps between checks: the similarity differs by sentence, and near the end of a long training by less than that."""

_PATIENCE = 2


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """The training parameters.

    `kind`: determines the sentences. `epochs`: passes over the training sentences; the duration is proportional.
    `learning_rate`: step size in units of the stock voices' standard deviation; larger is faster and less stable. `batch_size`:
    sentences per step; larger batches give more stable but fewer and longer steps. `restraint`: weight of the distance from the
    initial voice; larger keeps words clearer, smaller increases the similarity. `modulation`: step size of the decoder's scales
    and shifts relative to that of the timbre; 0 trains the timbre only. `colouring`: weight of the samples' spectral balance
    relative to the speaker similarity; the microphone shapes it too, so it is copied only in part. `seed` determines the order
    of the sentences.
    """

    kind: CloneKind = "instant"
    epochs: int = 1
    learning_rate: float = 0.1
    batch_size: int = 1
    restraint: float = 0.02
    modulation: float = 1.0
    colouring: float = 0.1
    seed: int = 0

    @property
    def steps(self) -> int:
        """Largest number of steps of the training."""
        return count_steps(self.kind, self.epochs, self.batch_size)


def _zeros() -> Floats:
    return np.zeros(_SIZE, np.float32)


@dataclass(frozen=True, slots=True)
class Progress:
    """The resumable state of a training.

    Offsets from the start are in units of the stock voices' standard deviation: the timbre's 128 numbers, then the modulation's.
    """

    table: Floats
    stock: str = ""
    """Stock voice whose timbre is the start."""
    pitch: PitchMap = UNCHANGED
    rate: float = 1.0
    step: int = 0
    descent: Moments = field(default_factory=lambda: Moments.zeros(_SIZE))
    total: Floats = field(default_factory=_zeros)
    """Sum of the offsets since the last check."""
    best: Floats = field(default_factory=_zeros)
    """Mean offset between two checks, of the highest similarity by the held-out encoder."""
    held_out: float = -1.0
    """That similarity, on training sentences: an optimistic estimate."""
    worse: int = 0
    """Number of checks since the one that found `best`."""
    unchecked: float = 0.0
    """Sum of the held-out similarity since the last check."""
    similarity: float = 0.0
    """Mean similarity of the last step's sentences by the trained encoders: an optimistic estimate."""

    def save(self, path: Path) -> None:
        """Save the state as a file of arrays."""
        temporary = path.with_suffix(".tmp")
        arrays: dict[str, Any] = {
            name: np.asarray(getattr(self, name)) for name in self.__slots__ if name not in {"pitch", "descent"}
        }
        arrays |= {f"descent_{name}": getattr(self.descent, name) for name in Moments.__slots__}
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, pitch=np.array([self.pitch.scale, self.pitch.shift]), **arrays)
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Progress | None":
        """Load a state that `save` wrote; None if it is damaged, or of another version, which trained something else."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                moments = Moments(*(stored[f"descent_{name}"] for name in Moments.__slots__))
                scale, shift = stored["pitch"].tolist()
                plain = (name for name in stored.files if name != "pitch" and not name.startswith("descent_"))
                values = {name: stored[name] if stored[name].ndim else stored[name].item() for name in plain}
                state = cls(**values, pitch=PitchMap(scale, shift), descent=moments)
        except Exception:  # of many types, see `read_style`; the training starts again
            return None
        offsets = (state.total, state.best, *(getattr(moments, name) for name in Moments.__slots__))
        fits = state.stock and state.table.shape == (ROWS, STYLE) and all(each.shape == (_SIZE,) for each in offsets)
        return state if fits else None


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained voice, the voice it started from with the same prosody, and the name of the stock voice with that timbre."""

    voice: VoiceStyle
    start: VoiceStyle
    stock: str


class TrainingCancelledError(Exception):
    """A training that was stopped by `cancelled`."""


def train(
    recordings: Sequence[Floats],
    voices: Mapping[str, Floats],
    decoder: Decoder,
    encoders: Encoders,
    config: TrainingConfig | None = None,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    improved: Callable[[VoiceStyle], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    resume: Progress | None = None,
    transcripts: Sequence[str | None] = (),
    rhythms: Sequence[Rhythm | None] = (),
) -> Trained:
    """Train the voice of the speaker in `recordings`: mono float32 at 16 kHz, 10 s or more in total.

    `voices` are the stock voices' tables (510, 256) by name. English transcripts of the recordings, where they are known, make
    the speaking rate more exact. Where the recordings have shortened pauses, `rhythms` are those of the originals. The result is the
    state that the held-out encoder found most similar; training ends early when this encoder finds no improvement. `progress`
    receives the state after every step, `improved` the voice after each improvement. Passing a state as `resume` with the same
    arguments gives the same result as an uninterrupted training.

    Raises:
        TrainingCancelledError: `cancelled` returned true before a step.
        CloningError: The recordings are silent, or the parameters move the voice beyond the limits of a style file.
    """
    config = config or TrainingConfig()
    objective = Objective(recordings, encoders, config.colouring)
    if (state := resume) is None:
        begin = start(recordings, mean_embedding(recordings, encoders.resemblyzer), voices, decoder, transcripts, rhythms)
        state = Progress(begin.table, begin.stock, begin.pitch, begin.rate)
    spread, rates, restraint = _spread(voices, decoder), _rates(config), _restraint(config)
    sentences, plans = sentences_of(config.kind), dict[int, Plan]()
    if state.held_out > 0:
        improved(_voice(state, state.best * spread))
    while state.step < config.steps and state.worse < _PATIENCE:
        if cancelled():
            raise TrainingCancelledError
        gradient, similarity, held_out = _zeros(), 0.0, 0.0
        numbers = _sentences(state.step, config)
        for number in numbers:
            row = len(sentences[number]) - 1
            if number not in plans:
                plans[number] = decoder.plan(sentences[number], state.table[row], state.pitch, state.rate)
            timbre, modulation = np.split(state.descent.offset * spread, [TIMBRE])
            samples, back = decoder.speak(plans[number], state.table[row, :TIMBRE] + timbre, modulation)
            evaluation = objective.evaluate(samples)
            if state.step + 1 < config.steps:  # no state follows the last one
                by_voice = back(evaluation.gradient)
                gradient += np.concatenate([by_voice.timbre, by_voice.modulation]) * spread / np.float32(len(numbers))
            similarity += evaluation.similarity / len(numbers)
            held_out += evaluation.held_out / len(numbers)
        earlier = state.best
        state = _descend(
            state, np.asarray(gradient + restraint * state.descent.offset, np.float32), config, rates, similarity, held_out
        )
        if state.best is not earlier:
            improved(_voice(state, state.best * spread))
        progress(state)
    return Trained(_voice(state, state.best * spread), _voice(state, _zeros()), state.stock)


def _voice(state: Progress, offset: Floats) -> VoiceStyle:
    """Return the voice at an offset from the start."""
    table = state.table.copy()
    timbre, modulation = np.split(offset, [TIMBRE])
    table[:, :TIMBRE] += timbre
    try:
        with np.errstate(over="raise", invalid="raise"):
            narrow = modulation.astype(np.float16)
        return VoiceStyle(table, state.pitch.scale, state.pitch.shift, state.rate, modulation=narrow)
    except (StyleFileError, FloatingPointError) as error:
        raise CloningError("The training diverged. Use a smaller learning rate or more restraint.") from error


def _descend(
    state: Progress, gradient: Floats, config: TrainingConfig, rates: Floats, similarity: float, held_out: float
) -> Progress:
    """Return the state after a step; every few steps, keep their mean if it is the most similar so far."""
    step = state.step + 1
    total, unchecked = state.total + state.descent.offset, state.unchecked + held_out
    descent = state.descent.descend(gradient, step, np.float32(rate_of(step, config.steps, config.learning_rate)) * rates)
    after = replace(state, step=step, descent=descent, total=total, unchecked=unchecked, similarity=similarity)
    every = _CHECKED_EVERY[config.kind]
    window = (step - 1) % every + 1
    if window < every and step < config.steps:
        return after
    found = unchecked / window
    after = replace(after, total=_zeros(), unchecked=0.0)
    if found > state.held_out:
        return replace(after, best=np.asarray(total / window, np.float32), held_out=found, worse=0)
    return replace(after, worse=state.worse + 1)


def _spread(voices: Mapping[str, Floats], decoder: Decoder) -> Floats:
    """Return the standard deviations of the stock voices' timbre and modulation."""
    tables = list(voices.values())
    timbre = np.stack([table[:, :TIMBRE] for table in tables]).std(axis=(0, 1)) + np.float32(1e-3)
    middle = len(tables[0]) // 10
    modulation = decoder.project(np.stack([table[middle, :TIMBRE] for table in tables])).std(axis=0) + np.float32(1e-4)
    return np.concatenate([timbre, modulation]).astype(np.float32)


def _rates(config: TrainingConfig) -> Floats:
    rates = np.ones(_SIZE, np.float32)
    rates[TIMBRE:] = config.modulation
    return rates


def _restraint(config: TrainingConfig) -> Floats:
    """Return the gradient of the restraint by offset: of the mean square of each part."""
    restraint = np.full(_SIZE, 2 * config.restraint / TIMBRE, np.float32)
    restraint[TIMBRE:] = 2 * config.restraint / MODULATION
    return restraint


def _sentences(step: int, config: TrainingConfig) -> Sequence[int]:
    """Return the sentences of a step; every epoch uses each sentence once, in its own random order."""
    epoch, turn = divmod(step, config.steps // config.epochs)
    order = np.random.default_rng((config.seed, epoch)).permutation(len(sentences_of(config.kind)))
    return [int(number) for number in order[turn * config.batch_size : (turn + 1) * config.batch_size]]
