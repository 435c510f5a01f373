"""Captions in SubRip and WebVTT format. https://www.w3.org/TR/webvtt1/"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import unescape
from typing import Final

VTT_HEADER: Final = "WEBVTT\n\n"

_TIMES: Final = re.compile(r"(?:(\d{2,4}):)?(\d{2}):(\d{2})\.(\d{3}) --> (?:(\d{2,4}):)?(\d{2}):(\d{2})\.(\d{3})(?: .*)?")


@dataclass(frozen=True, slots=True)
class Cue:
    """A caption shown from `start` to `end`, in seconds."""

    start: float
    end: float
    lines: tuple[str, ...]


def srt(captions: Iterable[Cue], first: int = 1) -> Iterator[str]:
    """Yield the parts of a SubRip file, whose captions have numbers from `first` on."""
    for number, cue in enumerate(captions, first):
        text = "\n".join(cue.lines)
        yield f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{text}\n\n"


def vtt(captions: Iterable[Cue]) -> Iterator[str]:
    """Yield the parts of a WebVTT file."""
    yield VTT_HEADER
    yield from vtt_cues(captions)


def vtt_cues(captions: Iterable[Cue]) -> Iterator[str]:
    """Yield the parts of a WebVTT file that follow its header."""
    for cue in captions:
        text = "\n".join(cue.lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        yield f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{text}\n\n"


def read_vtt(text: str) -> Iterator[Cue]:
    """Yield the captions of a WebVTT file in their order; what is no caption is left out."""
    for block in re.split(r"\n{2,}", text.replace("\r\n", "\n")):
        lines = block.strip("\n").split("\n")
        for index, line in enumerate(lines[:2]):  # a name may precede the times
            found = _TIMES.fullmatch(line)
            if found is not None:
                yield Cue(
                    _seconds(*found.groups()[:4]), _seconds(*found.groups()[4:]), tuple(map(unescape, lines[index + 1 :]))
                )
                break


def shift(captions: Iterable[Cue], seconds: float) -> Iterator[Cue]:
    """Yield captions that are shown so many seconds later."""
    for cue in captions:
        yield Cue(cue.start + seconds, cue.end + seconds, cue.lines)


def _seconds(hours: str | None, minutes: str, seconds: str, thousandths: str) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(thousandths) / 1000


def _clock(seconds: float, point: str) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    minutes, seconds_left = divmod(whole, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds_left:02}{point}{thousandths:03}"
