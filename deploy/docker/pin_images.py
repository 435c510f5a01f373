"""Write the digests of all base images beside their tags: `make pin-images`. Without a registry nothing is changed."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

FILES = (
    *("docker-compose.yml", "deploy/observability/docker-compose.yml"),
    *("deploy/docker/service.Dockerfile", "deploy/docker/echoctl.Dockerfile"),
)
_IMAGE = re.compile(r"^(?P<before>\s*(?:image:|FROM)\s+)(?P<image>[a-z0-9./-]+:[\w.-]+)(?:@sha256:[0-9a-f]{64})?", re.MULTILINE)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SECONDS = 60


class UnresolvedError(Exception):
    """No digest is to be had for an image."""


def images(texts: list[str]) -> Iterator[str]:
    """Yield every image, once."""
    yield from dict.fromkeys(found["image"] for text in texts for found in _IMAGE.finditer(text))


def digest_of(image: str) -> str:
    """Return the digest that the registry has for a tag. Raises `UnresolvedError`."""
    command = ["docker", "buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}", image]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise UnresolvedError(f"{image}: {getattr(error, 'stderr', None) or error}") from error
    if not _DIGEST.fullmatch(told):
        raise UnresolvedError(f"{image}: the registry has no digest for it.")
    return told


def pin(root: Path) -> int:
    """Pin all images below `root`; the exit code."""
    texts = {path: (root / path).read_text() for path in FILES}
    try:
        digests = {image: digest_of(image) for image in images(list(texts.values()))}
    except UnresolvedError as error:
        sys.stderr.write(f"No digest was written, because a registry is not reachable. {str(error).strip()}\n")
        return 1
    for path, text in texts.items():
        pinned = _IMAGE.sub(lambda found: f"{found['before']}{found['image']}@{digests[found['image']]}", text)
        (root / path).write_text(pinned)
    sys.stdout.write(f"Wrote {len(digests)} digests.\n")
    return 0


if __name__ == "__main__":
    sys.exit(pin(Path.cwd()))
