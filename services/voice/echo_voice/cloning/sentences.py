"""Texts for training as Kokoro's tokens."""

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from echo_common.contracts.http.voice import CloneKind


def _stored(name: str) -> Sequence[Any]:
    texts: Sequence[Any] = json.loads((files("echo_voice.cloning") / name).read_text("utf-8"))
    return texts


SENTENCES: tuple[tuple[int, ...], ...] = tuple(tuple(sentence["tokens"]) for sentence in _stored("sentences.json"))
"""Sentences for the timbre: short, and together they contain every English phoneme."""

FURTHER: tuple[tuple[int, ...], ...] = tuple(tuple(sentence["tokens"]) for sentence in _stored("further.json"))
"""Further sentences for the timbre of professional clones, from 3 to 21 words."""

PASSAGES: tuple[tuple[tuple[int, ...], int], ...] = tuple(
    (tuple(passage["tokens"]), passage["syllables"]) for passage in _stored("passages.json")
)
"""Passages for the prosody, with their syllables: prose as in most recordings, because rate and pauses depend on the text."""

UNSEEN: tuple[tuple[str, tuple[int, ...]], ...] = tuple(
    (sentence["text"], tuple(sentence["tokens"])) for sentence in _stored("unseen.json")
)
"""Sentences that are not trained on, as text and tokens: the finished voice is judged by them."""


def sentences_of(kind: CloneKind) -> Sequence[tuple[int, ...]]:
    """Return the sentences of an epoch."""
    return SENTENCES if kind == "instant" else SENTENCES + FURTHER


def count_steps(kind: CloneKind, epochs: int, batch_size: int) -> int:
    """Return the largest number of steps of a training."""
    return epochs * -(-len(sentences_of(kind)) // batch_size)
