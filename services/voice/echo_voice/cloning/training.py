"""Training of a Kokoro voice that resembles a speaker, by gradient descent through the model.

The start has the speaker's pitch, range and rate. The descent changes only the timbre half of the style; a penalty on the
distance from the start keeps words intelligible.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echo_common.audio.style_file import VoiceStyle
from echo_voice.cloning import resampling
from echo_voice.cloning.decoder import UNCHANGED, Decoder, PitchMap, Plan
from echo_voice.cloning.encoder import EncoderNetwork, level
from echo_voice.cloning.prosody_fit import TIMBRE
from echo_voice.cloning.sentences import SENTENCES
from echo_voice.cloning.start import start

Floats = NDArray[np.float32]
_LEVEL = -25.0
_MOMENTUM, _SMOOTHING = 0.9, 0.98
_AVERAGED = 0.25


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """The training parameters.

    `epochs`: passes over the training sentences; the duration is proportional. `learning_rate`: step size in units of the
    stock voices' standard deviation; larger is faster and less stable. `batch_size`: sentences per step; larger batches give
    more stable but fewer and longer steps. `restraint`: weight of the distance from the initial voice; larger keeps words
    clearer, smaller increases the similarity. `colouring`: weight of the samples' spectral balance relative to the speaker
    similarity; the microphone shapes it too, so it is copied only in part. `seed` determines the order of the sentences.
    """

    epochs: int = 2
    learning_rate: float = 0.1
    batch_size: int = 1
    restraint: float = 0.02
    colouring: float = 0.1
    seed: int = 0

    @property
    def steps(self) -> int:
        """Number of steps of the training."""
        return self.epochs * -(-len(SENTENCES) // self.batch_size)


@dataclass(frozen=True, slots=True)
class Progress:
    """The resumable state of a training: the initial table and the moments of Adam (Kingma, Ba 2015).

    `moved` is the offset of the 128 timbre values from the start, in units of the stock voices' standard deviation.
    """

    table: Floats
    step: int = 0
    moved: Floats = field(default_factory=lambda: np.zeros(TIMBRE, np.float32))
    first: Floats = field(default_factory=lambda: np.zeros(TIMBRE, np.float32))
    second: Floats = field(default_factory=lambda: np.zeros(TIMBRE, np.float32))
    total: Floats = field(default_factory=lambda: np.zeros(TIMBRE, np.float32))
    likeness: float = 0.0
    """Mean cosine of the last step's sentences and the speaker: an optimistic estimate."""
    pitch: PitchMap = UNCHANGED
    rate: float = 1.0

    def save(self, path: Path) -> None:
        """Save the state as a file of arrays."""
        temporary = path.with_suffix(".tmp")
        with temporary.open("wb") as file:
            arrays = {name: np.asarray(getattr(self, name)) for name in self.__slots__ if name != "pitch"}
            np.savez(file, allow_pickle=False, pitch=np.array(astuple(self.pitch)), **arrays)
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Progress":
        """Load a state that `save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            values: dict[str, Any] = {name: stored[name] for name in stored.files}
        values |= {"step": int(values["step"]), "likeness": float(values["likeness"])}
        # earlier versions stored no prosody
        values |= {"pitch": PitchMap(*map(float, values.get("pitch", (1.0, 0.0)))), "rate": float(values.get("rate", 1.0))}
        return cls(**values)


@dataclass(frozen=True, slots=True)
class _Goal:
    embedding: Floats
    balance: Floats
    colouring: np.float32


class TrainingCancelledError(Exception):
    """A training that was stopped by `cancelled`."""


def train(
    recordings: Sequence[Floats],
    voices: Mapping[str, Floats],
    decoder: Decoder,
    encoder: EncoderNetwork,
    config: TrainingConfig | None = None,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    resume: Progress | None = None,
    transcripts: Sequence[str | None] = (),
) -> VoiceStyle:
    """Train the voice of the speaker in `recordings`: mono float32 at 16 kHz, 10 to 60 s in total.

    `voices` are the stock voices' tables (510, 256) by name. English transcripts of the recordings, where they are known, make
    the speaking rate more exact. `progress` receives the state after every step. Passing that state
    as `resume` with the same arguments gives the same result as an uninterrupted training.

    Raises:
        TrainingCancelledError: `cancelled` returned true before a step.
    """
    config = config or TrainingConfig()
    balance = np.mean([encoder.spectral_balance(_levelled(samples)) for samples in recordings], axis=0)
    goal = _Goal(mean_embedding(recordings, encoder), np.asarray(balance, np.float32), np.float32(config.colouring))
    if (at := resume) is None:
        begin = start(recordings, goal.embedding, voices, decoder, transcripts)
        at = Progress(begin.table, pitch=begin.pitch, rate=begin.rate)
    spread = np.stack([table[:, :TIMBRE] for table in voices.values()]).std(axis=(0, 1)) + np.float32(1e-3)
    plans: dict[int, Plan] = {}
    for step in range(at.step, config.steps):
        if cancelled():
            raise TrainingCancelledError
        heard: list[tuple[float, Floats]] = []
        for number in _sentences(step, config):
            row = len(SENTENCES[number]) - 1
            if number not in plans:
                plans[number] = decoder.plan(SENTENCES[number], at.table[row], at.pitch)
            timbre = at.table[row, :TIMBRE] + at.moved * spread
            heard.append(_listen(decoder, encoder, plans[number], timbre, goal))
        gradient = np.mean([gradient for _, gradient in heard], axis=0) * spread
        gradient += 2 * config.restraint * at.moved / TIMBRE
        at = _descend(at, gradient, config, float(np.mean([cosine for cosine, _ in heard])))
        progress(at)
    return _finished(at, spread, config)


def mean_embedding(recordings: Sequence[Floats], encoder: EncoderNetwork) -> Floats:
    """Compute the mean embedding of a speaker's samples, normalised to length 1."""
    mean = np.mean([encoder.embed(_levelled(samples)) for samples in recordings], axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def _listen(decoder: Decoder, encoder: EncoderNetwork, plan: Plan, timbre: Floats, goal: "_Goal") -> tuple[float, Floats]:
    """Return a sentence's similarity and the gradient of the loss by timbre."""
    samples, back = decoder.speak(plan, timbre)
    narrow = resampling.down(samples)
    # treated as constant, because the level hardly depends on the timbre
    gain = np.float32(10 ** ((_LEVEL - level(narrow)) / 20))
    cosine, alike = encoder.likeness(narrow * gain, goal.embedding)
    _, off = encoder.spectral_loss(narrow * gain, goal.balance)
    return cosine, back(resampling.down_transposed((goal.colouring * off - alike) * gain, len(samples))).timbre


def _descend(at: Progress, gradient: Floats, config: TrainingConfig, likeness: float) -> Progress:
    step = at.step + 1
    first = _MOMENTUM * at.first + (1 - _MOMENTUM) * gradient
    second = _SMOOTHING * at.second + (1 - _SMOOTHING) * gradient**2
    way = first / (1 - _MOMENTUM**step) / (np.sqrt(second / (1 - _SMOOTHING**step)) + 1e-8)
    moved = (at.moved - config.learning_rate * way).astype(np.float32)
    total = at.total + moved if step > _settled(config) else at.total
    return replace(at, step=step, moved=moved, first=first, second=second, total=total, likeness=likeness)


def _settled(config: TrainingConfig) -> int:
    return config.steps - max(1, int(config.steps * _AVERAGED))


def _finished(at: Progress, spread: Floats, config: TrainingConfig) -> VoiceStyle:
    """Build the result from the mean of the last steps, which is more stable than the last step."""
    mean = at.total / max(1, config.steps - _settled(config))
    table = at.table.copy()
    table[:, :TIMBRE] += mean * spread
    return VoiceStyle(table.astype(np.float32), at.pitch.scale, at.pitch.shift, at.rate)


def _sentences(step: int, config: TrainingConfig) -> Sequence[int]:
    """Return the sentences of a step; every epoch uses each sentence once, in its own random order."""
    epoch, turn = divmod(step, config.steps // config.epochs)
    order = np.random.default_rng((config.seed, epoch)).permutation(len(SENTENCES))
    return [int(number) for number in order[turn * config.batch_size : (turn + 1) * config.batch_size]]


def _levelled(samples: Floats) -> Floats:
    return samples * np.float32(10 ** ((_LEVEL - level(samples)) / 20))
