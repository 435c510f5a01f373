"""Speaker embeddings of Kokoro's English voices."""

from collections.abc import Mapping
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray


def stock_embeddings() -> Mapping[str, NDArray[np.float32]]:
    """Load the embeddings by voice name: unit vectors (256,), comparable with those of `encoder.SpeakerEncoder`."""
    with (files("echo_voice.cloning") / "stock.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}
