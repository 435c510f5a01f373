"""Output of a child's view: `python -m tests.support.sandbox_probe PORT` prints its environment and whether it reaches a port."""

import json
import os
import socket
import sys


def main() -> None:
    with socket.socket() as probe:
        probe.settimeout(2)
        reached = probe.connect_ex(("127.0.0.1", int(sys.argv[1]))) == 0
    sys.stdout.write(json.dumps({"environment": dict(os.environ), "reached": reached}) + "\n")


if __name__ == "__main__":
    main()
