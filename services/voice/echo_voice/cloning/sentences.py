"""Training sentences: short, and together they contain every English phoneme."""

import json
from importlib.resources import files

_STORED = json.loads((files("echo_voice.cloning") / "sentences.json").read_text("utf-8"))
SENTENCES: tuple[tuple[int, ...], ...] = tuple(tuple(sentence["tokens"]) for sentence in _STORED)
"""The sentences as Kokoro's tokens."""
