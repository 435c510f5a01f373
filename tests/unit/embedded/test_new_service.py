"""Tests of `make new-service`: the generated service runs and has the common structure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.new_service import generate

ROOT = Path(__file__).parents[3]


def test_a_new_service_runs(tmp_path: Path) -> None:
    generate("weather", tmp_path)

    script = "from echo_weather.main import service; print(service().name)"
    path = os.pathsep.join([str(tmp_path / "weather"), os.environ.get("PYTHONPATH", "")])
    told = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path}, capture_output=True, check=True
    )

    assert told.stdout == b"weather\n"


def test_a_new_service_passes_the_linters(tmp_path: Path) -> None:
    made = generate("weather", tmp_path)
    ruff = [sys.executable, "-m", "ruff"]
    sources = [str(file) for file in made if file.suffix == ".py"]
    config = ["--config", str(ROOT / "pyproject.toml")]

    subprocess.run(
        [*ruff, "check", *config, "--config", 'lint.isort.known-first-party=["echo_common","echo_weather"]', *sources],
        check=True,
    )
    subprocess.run([*ruff, "format", "--check", *config, *sources], check=True)


@pytest.mark.parametrize("name", ["", "Weather", "two words", "../up", "x"])
def test_invalid_service_names_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one word"):
        generate(name, tmp_path)


def test_existing_services_are_not_overwritten(tmp_path: Path) -> None:
    generate("weather", tmp_path)

    with pytest.raises(ValueError, match="already exists"):
        generate("weather", tmp_path)
