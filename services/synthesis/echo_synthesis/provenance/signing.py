"""Signs a file: `python -m echo_synthesis.provenance.signing SOURCE TARGET MIME CERTIFICATE KEY ORIGIN cloned|synthetic`.

A separate process frees the memory of a large file when it ends, and copying the file does not block the event loop.
"""

import sys
from pathlib import Path

from echo_synthesis.provenance.manifest import sign
from echo_synthesis.provenance.signers import Credentials

if __name__ == "__main__":
    source, target, mime, certificate, key, origin, voice = sys.argv[1:]
    credentials = Credentials.read(Path(certificate), Path(key))
    sign(Path(source), Path(target), mime, credentials, origin, cloned=voice == "cloned")
    print("{}")  # noqa: T201
