"""Ranges of the activations that `quantise` rounds; `calibration` measures them."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SLOW: Final = re.compile(r"generator/(resblocks|noise_res)\.")
"""Names of the convolutions to quantise: those of the highest resolutions, with 70 % of the model's time."""

RANGES_FILE: Final = Path(__file__).with_name("ranges.json")

Ranges = Mapping[str, tuple[float, float]]
"""Lowest and highest value of each activation, by its name in the graph."""


def read_ranges() -> Ranges:
    """Read the stored ranges."""
    return {name: (low, high) for name, (low, high) in json.loads(RANGES_FILE.read_text()).items()}


def ranges_digest() -> str:
    """Return a digest of the stored ranges, on which a compiled model depends."""
    return hashlib.sha256(RANGES_FILE.read_bytes()).hexdigest()[:16]
