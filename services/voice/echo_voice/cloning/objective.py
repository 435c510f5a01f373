"""Objective of the training: similarity by several speaker encoders, and the spectral balance of the recordings."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echo_voice.cloning import resampling
from echo_voice.cloning.encoders.campplus import CAMPPLUS, CampPlus
from echo_voice.cloning.encoders.dvector import DVECTOR, DVector
from echo_voice.cloning.encoders.embeddings import unit
from echo_voice.cloning.encoders.port import Encoder, TrainableEncoder
from echo_voice.cloning.encoders.resemblyzer import RESEMBLYZER, Resemblyzer
from echo_voice.cloning.failure import CloningError
from echo_voice.cloning.levels import gain, level, normalise
from echo_voice.cloning.stock import stock_speech

Floats = NDArray[np.float32]
_SILENT = -90.0
_WEIGHTS = {RESEMBLYZER: 1.0, CAMPPLUS: 0.45, DVECTOR: 1.0}
"""Weights with which the encoders count alike: the distance from a similar stock voice to the speaker is about 0.35 for
Resemblyzer and the d-vector and 0.8 for CAM++."""


@dataclass(frozen=True, slots=True)
class Encoders:
    """The speaker encoders of a training.

    Those of `trained` are optimised together, with these weights: a voice that only deceives one network gains little. `held_out`
    is never optimised: it chooses the result, and its similarity is the one to report. `resemblyzer` also finds the stock
    voice to start from. `stock` holds the embeddings of the stock voices' speech by `held_out`, see `stock.stock_speech`.
    """

    resemblyzer: Resemblyzer
    trained: Sequence[tuple[TrainableEncoder, float]]
    held_out: Encoder
    stock: Mapping[str, Floats] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, held_out: str = DVECTOR) -> "Encoders":
        """Load the encoders from the files in a folder; see `files`. `held_out` is the file of the encoder that is not trained on."""
        resemblyzer, campplus, dvector = cls.files(folder)
        encoders: dict[str, TrainableEncoder] = {
            RESEMBLYZER: (first := Resemblyzer.open(resemblyzer)),
            CAMPPLUS: CampPlus.open(campplus),
            DVECTOR: DVector.open(dvector),
        }
        trained = [(encoder, _WEIGHTS[name]) for name, encoder in encoders.items() if name != held_out]
        return cls(first, trained, encoders[held_out], stock_speech(held_out))

    @staticmethod
    def files(folder: Path) -> Sequence[Path]:
        """Return the paths of the encoders' files in a folder."""
        return [folder / name for name in (RESEMBLYZER, CAMPPLUS, DVECTOR)]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Similarity of a sentence to the speaker, and the gradient of the loss by sample at 24 kHz.

    `similarity` is the mean by the optimised encoders, `held_out` the similarity by the encoder that training does not optimise.
    """

    similarity: float
    held_out: float
    gradient: Floats


class Objective:
    """The loss of a sentence, for one speaker."""

    def __init__(self, recordings: Sequence[Floats], encoders: Encoders, colouring: float) -> None:
        """Measure the speaker in `recordings`: mono float32 at 16 kHz.

        `colouring` is the weight of the spectral balance relative to the similarity.

        Raises:
            CloningError: A recording is silent.
        """
        if min(map(level, recordings)) < _SILENT:
            raise CloningError("A recording is silent. Upload one on which the speaker is heard.")
        self._encoders = encoders
        self._colouring = np.float32(colouring)
        self._targets = [mean_embedding(recordings, encoder) for encoder, _ in encoders.trained]
        self._held_out = similarity_to(mean_embedding(recordings, encoders.held_out), encoders.held_out)
        balances = [encoders.resemblyzer.spectral_balance(normalise(samples)) for samples in recordings]
        self._balance = np.asarray(np.mean(balances, axis=0), np.float32)

    def evaluate(self, samples: Floats) -> Evaluation:
        """Evaluate a sentence at 24 kHz. Each encoder has its own thread."""
        narrow = resampling.down(samples)
        # treated as constant, because the level hardly depends on the voice
        factor = gain(narrow)
        loud = narrow * factor
        trained = self._encoders.trained
        with ThreadPoolExecutor(len(trained)) as pool:
            tasks = [
                pool.submit(encoder.similarity, loud, target)
                for (encoder, _), target in zip(trained, self._targets, strict=True)
            ]
            _, gradient = self._encoders.resemblyzer.spectral_loss(loud, self._balance)
            gradient = self._colouring * gradient
            held_out = self._held_out(narrow)
            outcomes = [task.result() for task in tasks]
        for (_, weight), (_, ascent) in zip(trained, outcomes, strict=True):
            gradient = gradient - np.float32(weight) * ascent
        similarity = float(np.mean([found for found, _ in outcomes]))
        return Evaluation(similarity, held_out, resampling.down_transposed(gradient * factor, len(samples)))


def mean_embedding(recordings: Sequence[Floats], encoder: Encoder) -> Floats:
    """Compute the mean embedding of a speaker's samples, normalised to length 1."""
    return unit(np.mean([encoder.embed(normalise(samples)) for samples in recordings], axis=0))


def similarity_to(target: Floats, encoder: Encoder) -> Callable[[Floats], float]:
    """Return a function that compares speech at 16 kHz with a speaker's embedding."""

    def similarity(samples: Floats) -> float:
        return float(encoder.embed(normalise(samples)) @ target)

    return similarity
