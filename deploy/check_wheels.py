"""Resolve `constraints.txt` to wheels only for every platform that the README names; one line each. Nothing is installed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = (
    *sorted(
        str(path.parent.relative_to(ROOT)) for kind in ("libs", "services") for path in ROOT.glob(f"{kind}/*/pyproject.toml")
    ),
    "deploy/embedded",
)
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
MACHINES = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin")
_OLDEST_MACOS = "14.0"


@dataclass(frozen=True, slots=True)
class Platform:
    """A Python version on a machine, as uv calls them."""

    python: str
    machine: str

    def problem(self) -> str | None:
        """Return the resolver's error if the default installation cannot be made of wheels alone; None if it can."""
        command = [
            *(sys.executable, "-m", "uv", "pip", "compile", "-", "--quiet", "--only-binary", ":all:", "--no-python-downloads"),
            *("--python-version", self.python, "--python-platform", self.machine, "--prerelease", "if-necessary"),
            *("--constraints", "constraints.txt", "--overrides", "overrides.txt"),
        ]
        asked = "\n".join(f"./{package}" for package in PACKAGES)
        environment = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": _OLDEST_MACOS}
        done = subprocess.run(command, input=asked, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        return None if done.returncode == 0 else done.stderr.strip()


def platforms() -> Iterator[Platform]:
    """Every platform that is checked."""
    return (Platform(python, machine) for machine in MACHINES for python in PYTHONS)


def main() -> int:
    """Print a line for each platform. Return 1 when one of them needs more than wheels."""
    failed = False
    for platform in platforms():
        problem = platform.problem()
        failed = failed or problem is not None
        sys.stdout.write(f"Python {platform.python}, {platform.machine}: {problem or 'wheels only'}\n")
        sys.stdout.flush()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
