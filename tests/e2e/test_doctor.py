"""Tests of `echoctl doctor` on this machine with the real engines and a running platform."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.models import Models
from tests.support.platform import TONE, Platform


def doctor(*arguments: str, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "echo_embedded", "doctor", *arguments]
    environment = {**os.environ, **settings, "COLUMNS": "120"}
    return subprocess.run(command, capture_output=True, timeout=240, check=False, env=environment, text=True)


def findings(told: subprocess.CompletedProcess[str]) -> dict[str, dict[str, object]]:
    return {check["check"]: check for check in json.loads(told.stdout)["checks"]}


def test_the_recogniser_understands_every_engine(speech_models: Models, tmp_path: Path) -> None:
    models = {speech_models(engine) for engine in ("kokoro", "piper")}.pop()
    settings = {"ECHO_SYNTHESIS_ENGINES": "kokoro,piper"}

    told = doctor("--models", str(models), "--data", str(tmp_path / "data"), "--port", "0", settings=settings)

    assert told.returncode == 0, told.stdout + told.stderr
    lines = [line for line in told.stdout.splitlines() if " speech: " in line]
    assert [line.split()[:3] for line in lines] == [["ok", "speech:", "kokoro"], ["ok", "speech:", "piper"]]
    assert all("of 8 words recognised" in line for line in lines)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("platform", ["embedded"], indirect=True)
def test_a_running_platform_is_detected_and_queried(platform: Platform) -> None:
    port = str(urlsplit(platform.url).port)

    told = doctor("--data", str(platform.folder.path), "--port", port, "--json", settings=TONE)

    assert told.returncode == 0, told.stdout + told.stderr
    found = findings(told)
    assert "used by the running platform" in str(found["port"]["message"])
    assert found["database"]["status"] == found["speech: tone"]["status"] == "ok"


def test_missing_requirements_fail_with_a_remedy(tmp_path: Path) -> None:
    settings = {"ECHO_SYNTHESIS_ENGINES": "piper"}

    told = doctor("--models", str(tmp_path), "--data", str(tmp_path / "data"), "--port", "0", "--json", settings=settings)

    assert told.returncode == 1, told.stdout + told.stderr
    found = findings(told)
    assert found["models: piper"]["status"] == "fail"
    assert "`echoctl models` fetches it" in str(found["models: piper"]["message"])
    assert "speech: piper" not in found
