"""Analysis process: `python -m echo_listening.features DEMUXER FILE LONGEST MEMORY SECONDS`.

Runs as a sandboxed process, because the file may be malicious. Reads at most LONGEST seconds of the audio and writes one JSON line
to stdout: `{"features": …}` or `{"refused": sentence}`.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from echo_common.audio_files.decoding import UnreadableFileError
from echo_common.sandbox import claim_stdout, die_with_parent, enter_sandbox
from echo_listening.features.analyse import analyse
from echo_listening.features.decode import decode

_NICENESS = 15
"""Requests of users come first: nobody waits for an analysis."""


def main(demuxer: str, source: Path, longest: float) -> dict[str, Any]:
    """Return the features of a file, or the reason for which it cannot be read."""
    try:
        sound = decode(source, demuxer, longest)
    except UnreadableFileError as refusal:
        return {"refused": str(refusal)}
    return {"features": analyse(sound).model_dump()}


if __name__ == "__main__":
    demuxer, source, longest, memory, seconds = sys.argv[1:]
    die_with_parent()
    os.nice(_NICENESS)
    enter_sandbox(memory=int(memory), seconds=float(seconds), written=0)
    with claim_stdout() as out:
        out.write(json.dumps(main(demuxer, Path(source), float(longest)), allow_nan=False).encode() + b"\n")
