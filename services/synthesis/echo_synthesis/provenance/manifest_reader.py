"""Reads a manifest: `python -m echo_synthesis.provenance.manifest_reader FILE MIME SIGNERS MEMORY SECONDS`.

A separate, sandboxed process, because the file may be malicious. SIGNERS is a JSON file; MEMORY is in bytes.
Writes one JSON line to stdout: `{"verdict": …, "origin": …}`, without origin if the manifest names none, without verdict
if there is no manifest.
"""

import json
import sys
from pathlib import Path

from echo_common.sandbox import enter_sandbox

_LARGEST_SCRATCH = 1 << 30
_NICENESS = 10  # verification must not delay speech, which has 5


def main(path: Path, mime: str, signers: Path) -> dict[str, str]:
    """Return the result as it is written to stdout."""
    import c2pa

    from echo_synthesis.provenance.manifest import read
    from echo_synthesis.provenance.signers import Signer

    try:
        found = read(path, mime, [Signer(**signer) for signer in json.loads(signers.read_text())])
    except c2pa.C2paError:
        return {"verdict": "unreadable"}
    if found is None:
        return {}
    return {"verdict": found.verdict} | ({"origin": found.origin} if found.origin else {})


if __name__ == "__main__":
    path, mime, signers, memory, seconds = sys.argv[1:]
    enter_sandbox(memory=int(memory), seconds=float(seconds), written=_LARGEST_SCRATCH, niceness=_NICENESS)
    print(json.dumps(main(Path(path), mime, Path(signers))))  # noqa: T201
