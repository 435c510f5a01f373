"""Images: exact tags, digests where a registry is reachable, and the files that a build receives."""

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import pytest

from tests.contract.test_compose import CONTAINERS, DOCKERFILE, ROOT

IMAGES = sorted(
    {container["image"] for container in CONTAINERS.values() if "image" in container}
    | set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
)
FILES = (
    *("docker-compose.yml", "deploy/observability/docker-compose.yml"),
    *("deploy/docker/service.Dockerfile", "deploy/docker/echoctl.Dockerfile"),
)
EXACT = r"[a-z0-9./-]+:(v?\d+\.\d+\.\d+(-[\w.-]+)?|RELEASE\.[\dTZ-]+)(@sha256:[0-9a-f]{64})?"
REGISTRY = """#!/bin/sh
printf 'sha256:%s' "$(printf '%s' "$6" | sha256sum | cut -d' ' -f1)"
"""
NO_REGISTRY = """#!/bin/sh
echo 'dial tcp: no such host' >&2
exit 1
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for path in FILES:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


def pin(copy: Path, docker: str) -> subprocess.CompletedProcess[str]:
    tool = copy / "bin/docker"
    tool.parent.mkdir(exist_ok=True)
    tool.write_text(docker)
    tool.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tool.parent}:{os.environ['PATH']}"}
    command = [sys.executable, str(ROOT / "deploy/docker/pin_images.py")]
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)


def texts(copy: Path) -> list[str]:
    return [(copy / path).read_text() for path in FILES]


@pytest.mark.parametrize("image", IMAGES)
def test_every_image_has_an_exact_tag(image: str) -> None:
    assert re.fullmatch(EXACT, image)


def test_digests_are_written_beside_the_tags(copy: Path) -> None:
    assert pin(copy, REGISTRY).returncode == 0

    pinned = "\n".join(texts(copy))
    for image in IMAGES:
        assert re.search(re.escape(image.split("@")[0]) + r"@sha256:[0-9a-f]{64}\b", pinned), image
    before = texts(copy)
    assert pin(copy, REGISTRY).returncode == 0
    assert texts(copy) == before


def test_without_a_registry_nothing_is_written(copy: Path) -> None:
    before = texts(copy)

    refused = pin(copy, NO_REGISTRY)

    assert refused.returncode == 1
    assert "not reachable" in refused.stderr
    assert texts(copy) == before


def in_context(path: str) -> bool:
    """Return whether Docker sends a path to a build: the last line of .dockerignore for it, or for a folder of it, counts."""
    included = True
    folders = [path, *map(str, PurePosixPath(path).parents)]
    for line in (ROOT / ".dockerignore").read_text().split():
        pattern = line.removeprefix("!").replace("**/", "*")
        if any(fnmatch(folder, pattern) for folder in folders if folder != "."):
            included = line.startswith("!")
    return included


@pytest.mark.parametrize("file", sorted((ROOT / "deploy/docker").glob("*.Dockerfile")), ids=lambda file: file.stem)
def test_every_copied_path_is_in_the_build_context(file: Path) -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", file.read_text(), re.MULTILINE)
    paths = [path.replace("${SERVICE}", "auth") for line in copied for path in line.split()]

    assert paths
    assert [path for path in paths if not (ROOT / path).exists() or not in_context(path)] == []


def test_nothing_else_of_the_checkout_is_in_the_build_context() -> None:
    assert [path for path in (".env", "backups", "data", "deploy/docker/tls", ".git") if in_context(path)] == []
