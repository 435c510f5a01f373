"""Protocol between the pool and an engine worker: frames of a JSON header and a binary payload, prefixed with their lengths.

A request's header has a number, which its response repeats: concurrent requests are answered in any order.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

import numpy as np

from echo_synthesis.engine import Phone, Span, Speech, Utterance, WordTime

PREFIX = struct.Struct("<II")
"""Prefix of a frame: the lengths of the header and of the payload, in bytes."""

Header = Mapping[str, Any]


def pack(header: Header, payload: bytes = b"") -> bytes:
    """Encode a frame."""
    encoded = json.dumps(header).encode()
    return PREFIX.pack(len(encoded), len(payload)) + encoded + payload


def utterance_to_header(utterance: Utterance) -> Header:
    """Encode an utterance as the header of a frame without payload."""
    return {
        "text": utterance.text,
        "words": [(word.start, word.end) for word in utterance.words],
        "voice": utterance.voice,
        "language": utterance.language,
        "speed": utterance.speed,
        "pronunciations": utterance.pronunciations,
        "take": utterance.take,
        "style": utterance.style,
    }


def utterance_from_header(header: Header) -> Utterance:
    """Decode an utterance; the inverse of `utterance_to_header`."""
    words = tuple(Span(*word) for word in header["words"])
    pronunciations = tuple(header["pronunciations"])
    return Utterance(
        header["text"],
        words,
        header["voice"],
        header["language"],
        header["speed"],
        pronunciations,
        header["take"],
        header["style"],
    )


def pack_speech(number: int, speech: Speech, synthesis_ns: tuple[int, int]) -> bytes:
    """Encode speech as the response to request `number`; the payload is its float32 samples.

    `synthesis_ns` are the beginning and the end of the synthesis, in nanoseconds since the epoch.
    """
    header = {
        "sample_rate": speech.sample_rate,
        "words": [(word.start, word.end) for word in speech.words],
        "alignment": speech.alignment,
        "phones": [[astuple(phone) for phone in word] for word in speech.phones],
        "cost": dict(speech.cost),
        "synthesis_ns": synthesis_ns,
    }
    return pack({**header, "number": number}, np.ascontiguousarray(speech.samples, np.float32).tobytes())


def unpack_speech(header: Header, payload: bytes) -> Speech:
    """Decode speech; the inverse of `pack_speech`."""
    words = tuple(WordTime(*word) for word in header["words"])
    phones = tuple(tuple(Phone(*phone) for phone in word) for word in header["phones"])
    samples = np.frombuffer(payload, np.float32)
    started_ns, ended_ns = header["synthesis_ns"]
    seconds = max(0, ended_ns - started_ns) / 1e9
    return Speech(samples, header["sample_rate"], words, header["alignment"], header["cost"], phones, seconds)
