"""Planning process for texts: `python -m echo_synthesis.text MEMORY SECONDS`.

It is separate and limited by the operating system, because a malicious text may consume all available time and memory.
"""

import signal
import sys
from collections.abc import Iterator

from echo_common.errors import ValidationError
from echo_common.sandbox import bound_processor_time, claim_stdout, die_with_parent, enter_sandbox
from echo_synthesis.text.normalization import NormalizationOptions, compose
from echo_synthesis.text.wire import failure, line_of, read_request, refusal


def main(memory: int, seconds: float) -> None:
    """Handle requests in sequence until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    out = claim_stdout()
    compose("The first of 2.", NormalizationOptions("en-US"), 100)  # load everything that every text needs
    enter_sandbox(memory=memory, seconds=None, written=0)
    out.write(b"{}\n")
    out.flush()
    for request in sys.stdin.buffer:
        bound_processor_time(seconds)
        for line in _handle_request(request):
            out.write(line)
        out.write(b"\n")
        out.flush()


def _handle_request(request: bytes) -> Iterator[bytes]:
    text, options, max_characters = read_request(request)
    try:
        yield from map(line_of, compose(text, options, max_characters))
    except ValidationError as error:
        yield refusal(error)
    except MemoryError:
        raise
    except Exception as error:
        yield failure(error)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
