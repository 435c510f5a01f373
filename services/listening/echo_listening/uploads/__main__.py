"""Inspection process: `python -m echo_listening.uploads DEMUXER FILE LONGEST MEMORY SECONDS`.

Runs as a sandboxed process, because the file may be malicious. Decodes at most LONGEST seconds of the audio and writes one JSON
line to stdout: `{"audio": …}`, `{"refused": sentence}` or `{"too_long": true}`.
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

from echo_common.audio_files.decoding import UnreadableFileError, open_audio
from echo_common.sandbox import claim_stdout, die_with_parent, enter_sandbox
from echo_listening.uploads.tags import fields_of_tags

_LONGEST_TAG = 10_000


def main(demuxer: str, source: Path, longest: float) -> dict[str, Any]:
    """Return the length in seconds and the tags of a file, or the reason for which it is refused."""
    try:
        with open_audio(source, demuxer, math.inf) as audio:
            if audio.has_video:
                return {"refused": "This is a video; send its sound alone."}
            for _ in audio.blocks():
                if audio.samples > longest * audio.rate:
                    return {"too_long": True}
            if not audio.samples:
                return {"refused": "There is no sound in this file."}
            tags = {name: value[:_LONGEST_TAG] for name, value in audio.tags.items()}
            return {"audio": {"duration": round(audio.samples / audio.rate, 3), **fields_of_tags(tags)}}
    except UnreadableFileError as refusal:
        return {"refused": str(refusal)}


if __name__ == "__main__":
    demuxer, source, longest, memory, seconds = sys.argv[1:]
    die_with_parent()
    enter_sandbox(memory=int(memory), seconds=float(seconds), written=0)
    with claim_stdout() as out:
        out.write(json.dumps(main(demuxer, Path(source), float(longest)), allow_nan=False).encode() + b"\n")
