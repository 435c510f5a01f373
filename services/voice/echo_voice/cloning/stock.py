"""Speaker embeddings and prosody of Kokoro's English voices."""

import json
from collections.abc import Mapping
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from echo_voice.cloning.prosody import Prosody

WHISPERING = frozenset({"af_nicole"})
"""Voices that whisper: 44 % of their speech is voiced, at least 61 % of the others'; DNSMOS is 1.9, and 3.3 to 3.5."""


def stock_embeddings() -> Mapping[str, NDArray[np.float32]]:
    """Load the embeddings by voice name: unit vectors (256,), comparable with those of `encoders.resemblyzer.Resemblyzer`."""
    with (files("echo_voice.cloning") / "stock.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}


def stock_speech(encoder: str) -> Mapping[str, NDArray[np.float32]]:
    """Load the mean embeddings of the voices' speech on the unseen sentences, by voice name.

    `encoder` is the name of the encoder's file. The means of unit vectors are not scaled: their product with a speaker's
    embedding is the mean similarity.
    """
    with (files("echo_voice.cloning") / "stock_speech.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
        own = (name for name in stored.files if name.startswith(f"{encoder}/"))
        return {name.rpartition("/")[2]: stored[name].astype(np.float32) for name in own}


def stock_prosody() -> Mapping[str, Prosody]:
    """Load the predicted prosody by voice name, measured with `prosody_fit.predict` on all passages."""
    stored = json.loads((files("echo_voice.cloning") / "stock_prosody.json").read_text("utf-8"))
    return {
        name: Prosody(**{key: np.nan if value is None else value for key, value in numbers.items()})
        for name, numbers in stored.items()
    }
