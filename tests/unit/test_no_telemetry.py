import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("module", ["echo_synthesis.engines.piper.speaker", "echo_voice.cloning.decoder"])
def test_the_speech_runtime_sends_no_telemetry(module: str, tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}

    subprocess.run([sys.executable, "-c", f"import {module}"], check=True, timeout=120, env=environment, cwd=tmp_path)

    # Where it is on, importing the runtime leaves the identifier of a reporting session.
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []
