"""Training sentences: short, and together they contain every English phoneme."""

import json
from importlib.resources import files

from echo_voice.cloning.prosody import count_syllables

_STORED = json.loads((files("echo_voice.cloning") / "sentences.json").read_text("utf-8"))
_SPACE = 16
SENTENCES: tuple[tuple[int, ...], ...] = tuple(tuple(sentence["tokens"]) for sentence in _STORED)
"""The sentences as Kokoro's tokens."""

PASSAGES: tuple[tuple[tuple[int, ...], int], ...] = tuple(
    ((*first["tokens"], _SPACE, *second["tokens"]), count_syllables(f"{first['text']} {second['text']}"))
    for first, second in zip(_STORED[::2], _STORED[1::2], strict=True)
)
"""Texts of two sentences as tokens, with their syllables. Prosody depends on the length, and spoken texts are longer than one."""
