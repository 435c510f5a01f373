"""Kokoro's English voices as the speaker encoder hears them."""

from collections.abc import Mapping
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray


def stock_embeddings() -> Mapping[str, NDArray[np.float32]]:
    """The voices' embeddings by name: (256,) each, of length 1, comparable with those of `encoder.SpeakerEncoder`."""
    with (files("echo_voice.cloning") / "stock.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}
