"""What the pool and an engine's process say to each other: a JSON header and raw bytes, both with their length before them.

A request's header holds its number, and so does its answer's: with several at once, answers come in any order.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

import numpy as np

from echo_synthesis.engine import Phone, Span, Speech, Utterance, WordTime

PREFIX = struct.Struct("<II")
"""The lengths of the header and of the payload, in bytes."""

Header = Mapping[str, Any]


def pack(header: Header, payload: bytes = b"") -> bytes:
    """One frame."""
    encoded = json.dumps(header).encode()
    return PREFIX.pack(len(encoded), len(payload)) + encoded + payload


def utterance_to_header(utterance: Utterance) -> Header:
    """An utterance as a frame without payload."""
    return {
        "text": utterance.text,
        "words": [(word.start, word.end) for word in utterance.words],
        "voice": utterance.voice,
        "language": utterance.language,
        "speed": utterance.speed,
        "pronunciations": utterance.pronunciations,
    }


def utterance_from_header(header: Header) -> Utterance:
    """The inverse of `utterance_to_header`."""
    words = tuple(Span(*word) for word in header["words"])
    pronunciations = tuple(header["pronunciations"])
    return Utterance(header["text"], words, header["voice"], header["language"], header["speed"], pronunciations)


def pack_speech(number: int, speech: Speech) -> bytes:
    """A speech as the answer to request `number`: samples are the payload."""
    header = {
        "sample_rate": speech.sample_rate,
        "words": [(word.start, word.end) for word in speech.words],
        "alignment": speech.alignment,
        "phones": [[astuple(phone) for phone in word] for word in speech.phones],
        "cost": dict(speech.cost),
    }
    return pack({**header, "number": number}, np.ascontiguousarray(speech.samples, np.float32).tobytes())


def unpack_speech(header: Header, payload: bytes) -> Speech:
    """The inverse of `pack_speech`."""
    words = tuple(WordTime(*word) for word in header["words"])
    phones = tuple(tuple(Phone(*phone) for phone in word) for word in header["phones"])
    samples = np.frombuffer(payload, np.float32)
    return Speech(samples, header["sample_rate"], words, header["alignment"], header["cost"], phones)
