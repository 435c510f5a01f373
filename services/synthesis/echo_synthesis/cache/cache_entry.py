"""Binary format of a cached segment: a checksum, a JSON header, 16-bit samples."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, astuple
from typing import Any

import numpy as np

from echo_synthesis.engine import Phone, SegmentQuality, Speech, WordTime

FORMAT = 3
"""Version of the format. Raise it when the format changes, or when earlier entries cannot be trusted.

2: checked speech only, with a checksum and a scale for peaks beyond full scale. Format 1 could hold silence for words.
3: speech whose loudness is levelled.
"""


class DamagedEntryError(ValueError):
    """The bytes differ from those that were written."""


def encode_entry(speech: Speech) -> bytes:
    """Encode a speech. Peaks beyond full scale are preserved: the header holds the scale of the samples."""
    peak = float(np.abs(speech.samples).max(initial=0.0))
    scale = max(1.0, peak)
    head = {
        "sample_rate": speech.sample_rate,
        "alignment": speech.alignment,
        "scale": scale,
        "words": [[word.start, word.end] for word in speech.words],
        "phones": [[astuple(phone) for phone in word] for word in speech.phones],
        "quality": None if speech.quality is None else asdict(speech.quality),
    }
    samples: bytes = np.rint(speech.samples * np.float32(32767 / scale)).astype("<i2").tobytes()
    content = json.dumps(head, separators=(",", ":"), allow_nan=False).encode() + b"\n" + samples
    return b"%08x\n" % zlib.crc32(content) + content


def decode_entry(blob: bytes) -> Speech:
    """Decode an entry into a speech, without its cost. Raises `DamagedEntryError`."""
    checksum, _, content = blob.partition(b"\n")
    if checksum != b"%08x" % zlib.crc32(content):
        raise DamagedEntryError("the checksum does not match")
    head, _, body = content.partition(b"\n")
    try:
        facts = json.loads(head)
        return Speech(
            samples=np.frombuffer(body, "<i2").astype(np.float32) / np.float32(32767 / facts["scale"]),
            sample_rate=facts["sample_rate"],
            words=tuple(WordTime(start, end) for start, end in facts["words"]),
            alignment=facts["alignment"],
            phones=tuple(tuple(Phone(*phone) for phone in word) for word in facts["phones"]),
            quality=_read_quality(facts.get("quality")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedEntryError(f"{type(error).__name__}: {error}") from error


def _read_quality(facts: Mapping[str, Any] | None) -> SegmentQuality | None:
    return None if facts is None else SegmentQuality(**{**facts, "problems": tuple(facts["problems"])})
