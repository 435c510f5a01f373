"""Signs a file: `python -m echo_synthesis.provenance.signing SOURCE TARGET MIME CERTIFICATE KEY ORIGIN cloned|synthetic`.

In a process of its own a large file takes its memory along when it is done, and nobody waits while the library copies it.
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
