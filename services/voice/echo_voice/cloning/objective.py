"""Objective of the training: similarity by several speaker encoders, and the spectral balance of the recordings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echo_voice.cloning import resampling
from echo_voice.cloning.encoder import ENCODER, EncoderNetwork, level
from echo_voice.cloning.encoders.campplus import CAMPPLUS, CampPlus
from echo_voice.cloning.encoders.dvector import DVECTOR, DVector
from echo_voice.cloning.encoders.port import TrainableEncoder
from echo_voice.cloning.spectra import unit

Floats = NDArray[np.float32]
_LEVEL = -25.0
_CAMPPLUS_WEIGHT = 0.45


@dataclass(frozen=True, slots=True)
class Encoders:
    """The speaker encoders of a training.

    `resemblyzer` and `campplus` are optimised together: a voice that only deceives one network gains little. `held_out` is never
    optimised: it chooses the result, and its similarity is the one to report.
    """

    resemblyzer: EncoderNetwork
    campplus: TrainableEncoder
    held_out: TrainableEncoder

    @classmethod
    def open(cls, folder: Path) -> "Encoders":
        """Load the encoders from the files in a folder; see `files`."""
        resemblyzer, campplus, dvector = cls.files(folder)
        return cls(EncoderNetwork.open(resemblyzer), CampPlus.open(campplus), DVector.open(dvector))

    @staticmethod
    def files(folder: Path) -> Sequence[Path]:
        """Return the paths of the encoders' files in a folder."""
        return [folder / name for name in (ENCODER, CAMPPLUS, DVECTOR)]

    def trained(self) -> Sequence[tuple[TrainableEncoder, float]]:
        """Return the optimised encoders and their weights.

        The distance from a similar stock voice to the speaker is about 0.35 for Resemblyzer and 0.8 for CAM++; with these weights
        both count alike.
        """
        return [(self.resemblyzer, 1.0), (self.campplus, _CAMPPLUS_WEIGHT)]


@dataclass(frozen=True, slots=True)
class Heard:
    """Mean similarity of a sentence to the speaker by the optimised encoders, and the gradient of the loss by sample at 24 kHz."""

    similarity: float
    gradient: Floats


class Objective:
    """The loss of a sentence, for one speaker."""

    def __init__(self, recordings: Sequence[Floats], encoders: Encoders, colouring: float) -> None:
        """Measure the speaker in `recordings`: mono float32 at 16 kHz.

        `colouring` is the weight of the spectral balance relative to the similarity.
        """
        self._encoders = encoders
        self._colouring = np.float32(colouring)
        self._targets = [mean_embedding(recordings, encoder) for encoder, _ in encoders.trained()]
        self._held_out = mean_embedding(recordings, encoders.held_out)
        balances = [encoders.resemblyzer.spectral_balance(levelled(samples)) for samples in recordings]
        self._balance = np.asarray(np.mean(balances, axis=0), np.float32)

    def hear(self, samples: Floats) -> Heard:
        """Return the similarity of a sentence at 24 kHz, and the gradient of the loss."""
        narrow = resampling.down(samples)
        # treated as constant, because the level hardly depends on the voice
        gain = _gain(narrow)
        loud = narrow * gain
        _, gradient = self._encoders.resemblyzer.spectral_loss(loud, self._balance)
        gradient = self._colouring * gradient
        similarities = []
        for (encoder, weight), target in zip(self._encoders.trained(), self._targets, strict=True):
            similarity, ascent = encoder.likeness(loud, target)
            similarities.append(similarity)
            gradient = gradient - np.float32(weight) * ascent
        return Heard(float(np.mean(similarities)), resampling.down_transposed(gradient * gain, len(samples)))

    def held_out(self, samples: Floats) -> float:
        """Return the similarity of a sentence at 24 kHz by the encoder that training does not optimise."""
        return float(self._encoders.held_out.embed(levelled(resampling.down(samples))) @ self._held_out)


def mean_embedding(recordings: Sequence[Floats], encoder: TrainableEncoder) -> Floats:
    """Compute the mean embedding of a speaker's samples, normalised to length 1."""
    return unit(np.mean([encoder.embed(levelled(samples)) for samples in recordings], axis=0))


def levelled(samples: Floats) -> Floats:
    """Scale speech to the level at which all similarities are measured: -25 dBFS."""
    return samples * _gain(samples)


def _gain(samples: Floats) -> np.float32:
    return np.float32(10 ** ((_LEVEL - level(samples)) / 20))
