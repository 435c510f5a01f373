"""Decoding process: `python -m echo_listening.streams DEMUXER FILE OFFSET MEMORY SECONDS`.

Runs as a sandboxed process, because the file may be malicious. Writes the audio from OFFSET seconds on to stdout, as 32-bit
floats, left and right in turn, at `samples.RATE`. Waits while its pipe is full. Exits with 1 if the rest of the file cannot be
read.
"""

import os
import sys
from pathlib import Path

from echo_common.audio_files.decoding import UnreadableFileError
from echo_common.sandbox import claim_stdout, die_with_parent, enter_sandbox
from echo_listening.streams.decode import decode

_NICENESS = 5
"""Speech that is being synthesised comes first: a stream is decoded faster than it plays."""


def main(demuxer: str, source: Path, offset: float) -> int:
    """Write the audio of a file to stdout and return the exit status."""
    with claim_stdout() as out:
        try:
            for block in decode(source, demuxer, offset):
                out.write(block.T.tobytes())
        except UnreadableFileError:
            return 1
    return 0


if __name__ == "__main__":
    demuxer, source, offset, memory, seconds = sys.argv[1:]
    die_with_parent()
    os.nice(_NICENESS)
    enter_sandbox(memory=int(memory), seconds=float(seconds), written=0)
    sys.exit(main(demuxer, Path(source), float(offset)))
