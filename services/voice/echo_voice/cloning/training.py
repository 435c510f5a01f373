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

from echo_common.audio.style_file import MODULATION, VoiceStyle
from echo_voice.cloning.decoder import UNCHANGED, Decoder, PitchMap, Plan
from echo_voice.cloning.descent import Moments, rate_of
from echo_voice.cloning.objective import Encoders, Objective, mean_embedding
from echo_voice.cloning.prosody_fit import TIMBRE
from echo_voice.cloning.sentences import SENTENCES
from echo_voice.cloning.start import start

Floats = NDArray[np.float32]
_SIZE = TIMBRE + MODULATION
_CHECKED_EVERY = 4
_PATIENCE = 2


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """The training parameters.

    `epochs`: passes over the training sentences; the duration is proportional. `learning_rate`: step size in units of the
    stock voices' standard deviation; larger is faster and less stable. `batch_size`: sentences per step; larger batches give
    more stable but fewer and longer steps. `restraint`: weight of the distance from the initial voice; larger keeps words
    clearer, smaller increases the similarity. `modulation`: step size of the decoder's scales and shifts relative to that of
    the timbre; 0 trains the timbre only. `colouring`: weight of the samples' spectral balance relative to the speaker
    similarity; the microphone shapes it too, so it is copied only in part. `seed` determines the order of the sentences.
    """

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
        return self.epochs * -(-len(SENTENCES) // self.batch_size)


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
    at: Moments = field(default_factory=lambda: Moments.zeros(_SIZE))
    total: Floats = field(default_factory=_zeros)
    """Sum of the offsets since the last check."""
    best: Floats = field(default_factory=_zeros)
    """Mean offset between two checks, of the highest similarity by the held-out encoder."""
    held_out: float = -1.0
    """That similarity."""
    worse: int = 0
    """Number of checks since the one that found `best`."""
    initial: float = 0.0
    """Similarity of the initial voice by the held-out encoder, on the sentences of the first step."""
    unchecked: float = 0.0
    """Sum of the held-out similarity since the last check."""
    likeness: float = 0.0
    """Mean similarity of the last step's sentences by the trained encoders: an optimistic estimate."""

    def save(self, path: Path) -> None:
        """Save the state as a file of arrays."""
        temporary = path.with_suffix(".tmp")
        arrays: dict[str, Any] = {
            name: np.asarray(getattr(self, name)) for name in self.__slots__ if name not in {"pitch", "at"}
        }
        arrays |= {f"at_{name}": getattr(self.at, name) for name in Moments.__slots__}
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, pitch=np.array([self.pitch.scale, self.pitch.shift]), **arrays)
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Progress | None":
        """Load a state that `save` wrote; None if an earlier version did, which trained something else."""
        with np.load(path, allow_pickle=False) as stored:
            if not {"at_moved", "stock"} <= set(stored.files):
                return None
            moments = Moments(*(stored[f"at_{name}"] for name in Moments.__slots__))
            scale, shift = stored["pitch"].tolist()
            plain = (name for name in stored.files if name != "pitch" and not name.startswith("at_"))
            values = {name: stored[name] if stored[name].ndim else stored[name].item() for name in plain}
            return cls(**values, pitch=PitchMap(scale, shift), at=moments)


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
    cancelled: Callable[[], bool] = lambda: False,
    resume: Progress | None = None,
    transcripts: Sequence[str | None] = (),
) -> VoiceStyle:
    """Train the voice of the speaker in `recordings`: mono float32 at 16 kHz, 10 to 60 s in total.

    `voices` are the stock voices' tables (510, 256) by name. English transcripts of the recordings, where they are known, make
    the speaking rate more exact. The result is the state that the held-out encoder found most similar; training ends early when
    this encoder finds no improvement. `progress` receives the state after every step. Passing that state as `resume` with the
    same arguments gives the same result as an uninterrupted training.

    Raises:
        TrainingCancelledError: `cancelled` returned true before a step.
    """
    config = config or TrainingConfig()
    objective = Objective(recordings, encoders, config.colouring)
    if (now := resume) is None:
        begin = start(recordings, mean_embedding(recordings, encoders.resemblyzer), voices, decoder, transcripts)
        now = Progress(begin.table, begin.stock, begin.pitch, begin.rate)
    spread, rates, pull = _spread(voices, decoder), _rates(config), _pull(config)
    plans: dict[int, Plan] = {}
    while now.step < config.steps and now.worse < _PATIENCE:
        if cancelled():
            raise TrainingCancelledError
        gradient, likeness, held_out = _zeros(), 0.0, 0.0
        numbers = _sentences(now.step, config)
        for number in numbers:
            row = len(SENTENCES[number]) - 1
            if number not in plans:
                plans[number] = decoder.plan(SENTENCES[number], now.table[row], now.pitch)
            timbre, modulation = np.split(now.at.moved * spread, [TIMBRE])
            samples, back = decoder.speak(plans[number], now.table[row, :TIMBRE] + timbre, modulation)
            heard = objective.hear(samples)
            by = back(heard.gradient)
            gradient += np.concatenate([by.timbre, by.modulation]) * spread / np.float32(len(numbers))
            likeness += heard.similarity / len(numbers)
            held_out += objective.held_out(samples) / len(numbers)
        now = _descend(now, np.asarray(gradient + pull * now.at.moved, np.float32), config, rates, likeness, held_out)
        progress(now)
    table = now.table.copy()
    timbre, modulation = np.split(now.best * spread, [TIMBRE])
    table[:, :TIMBRE] += timbre
    return VoiceStyle(
        table.astype(np.float32), now.pitch.scale, now.pitch.shift, now.rate, modulation=modulation.astype(np.float16)
    )


def _descend(
    now: Progress, gradient: Floats, config: TrainingConfig, rates: Floats, likeness: float, held_out: float
) -> Progress:
    """Return the state after a step; every few steps, keep their mean if it is the most similar so far."""
    step = now.step + 1
    total, unchecked = now.total + now.at.moved, now.unchecked + held_out
    at = now.at.descend(gradient, step, np.float32(rate_of(step, config.steps, config.learning_rate)) * rates)
    after = replace(now, step=step, at=at, total=total, unchecked=unchecked, likeness=likeness)
    if step == 1:
        after = replace(after, initial=held_out)
    window = (step - 1) % _CHECKED_EVERY + 1
    if window < _CHECKED_EVERY and step < config.steps:
        return after
    found = unchecked / window
    after = replace(after, total=_zeros(), unchecked=0.0)
    if found > now.held_out:
        return replace(after, best=np.asarray(total / window, np.float32), held_out=found, worse=0)
    return replace(after, worse=now.worse + 1)


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


def _pull(config: TrainingConfig) -> Floats:
    """Return the gradient of the restraint by offset: of the mean square of each part."""
    pull = np.full(_SIZE, 2 * config.restraint / TIMBRE, np.float32)
    pull[TIMBRE:] = 2 * config.restraint / MODULATION
    return pull


def _sentences(step: int, config: TrainingConfig) -> Sequence[int]:
    """Return the sentences of a step; every epoch uses each sentence once, in its own random order."""
    epoch, turn = divmod(step, config.steps // config.epochs)
    order = np.random.default_rng((config.seed, epoch)).permutation(len(SENTENCES))
    return [int(number) for number in order[turn * config.batch_size : (turn + 1) * config.batch_size]]
