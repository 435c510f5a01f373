"""Generator of a service skeleton: `make new-service NAME=billing`."""

import re
import sys
from pathlib import Path

TEMPLATES = {
    "README.md": """\
# {name}

Describe its purpose here. Run it alone with `python -m echo_{name}`.

**Owns** nothing yet. **Publishes** nothing yet. **Consumes** nothing yet. **Settings**: those every service has (`ECHO_…`).
""",
    "pyproject.toml": """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "echo-{name}"
version = "0.1.0"
description = "Describe its purpose here."
requires-python = ">=3.11"
license = "Apache-2.0"
dependencies = [
    "echo-common",
]

[tool.hatch.build.targets.wheel]
packages = ["echo_{name}"]
""",
    "echo_{name}/__init__.py": '''\
"""The {name} service."""
''',
    "echo_{name}/__main__.py": '''\
"""Entry point of the {name} service: `python -m echo_{name}`."""

from echo_common.process import run
from echo_{name}.main import service

run(service)
''',
    "echo_{name}/main.py": '''\
"""Composition root of the {name} service."""

from functools import partial

from echo_common.service import Service
from echo_{name} import api, handlers
from echo_{name}.composition import open_dependencies
from echo_{name}.dependencies import Dependencies
from echo_{name}.settings import {title}Settings


def service(settings: {title}Settings | None = None) -> Service[Dependencies]:
    """Build the {name} service; settings come from the environment unless given."""
    chosen = settings or {title}Settings()
    return Service(
        name="{name}", open=partial(open_dependencies, chosen), routers=api.ROUTERS, subscriptions=handlers.subscriptions
    )
''',
    "echo_{name}/composition.py": '''\
"""Dependencies of the {name} service: opened with its adapters, closed in reverse order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from echo_common.service import Adapters
from echo_{name}.dependencies import Dependencies
from echo_{name}.settings import {title}Settings


@asynccontextmanager
async def open_dependencies(settings: {title}Settings, _: Adapters) -> AsyncIterator[Dependencies]:
    """Open the dependencies while the context lasts."""
    yield Dependencies(settings=settings)
''',
    "echo_{name}/dependencies.py": '''\
"""Dependencies of routes, use cases and event handlers."""

from dataclasses import dataclass

from echo_{name}.settings import {title}Settings


@dataclass(frozen=True)
class Dependencies:
    """The dependencies of routes, use cases and event handlers, opened once."""

    settings: {title}Settings
''',
    "echo_{name}/api.py": '''\
"""HTTP API of the {name} service: no public endpoints yet."""

from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = ()
''',
    "echo_{name}/handlers.py": '''\
"""Event handlers of the {name} service; none yet."""

from echo_common.bus.subscriptions import Subscriptions
from echo_{name}.dependencies import Dependencies

subscriptions = Subscriptions[Dependencies]()
''',
    "echo_{name}/usecases.py": '''\
"""Use cases of the {name} service; none yet."""
''',
    "echo_{name}/domain.py": '''\
"""Domain model of the {name} service; empty so far."""
''',
    "echo_{name}/repository.py": '''\
"""Repositories of the {name} service; none yet."""
''',
    "echo_{name}/settings.py": '''\
"""Settings of the {name} service."""

from pydantic_settings import BaseSettings

from echo_common.settings import settings_config


class {title}Settings(BaseSettings):
    """Settings of the {name} service; none yet."""

    model_config = settings_config("ECHO_{capitals}_")
''',
}
NEXT = """\
Next (docs/guides/add-a-service.md):
  pyproject.toml                            import contracts and mypy_path: echo_{name}, services/{name}
  deploy/embedded/pyproject.toml            dependencies: echo-{name}
  deploy/embedded/echo_embedded/registry.py START_ORDER, SETTINGS, services()
  docker-compose.yml                        a container
then `make lock install-dev contracts check`.
"""


def generate(name: str, services: Path) -> list[Path]:
    """Write the skeleton below `services` and return its files. Raises `ValueError` for an invalid or existing name."""
    if not re.fullmatch(r"[a-z][a-z]{1,30}", name):
        raise ValueError(f"A service's name is one word of lower case letters, not {name!r}.")
    folder = services / name
    if folder.exists():
        raise ValueError(f"{folder} already exists.")
    made = []
    for path, template in TEMPLATES.items():
        file = folder / path.format(name=name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(template.format(name=name, title=name.title(), capitals=name.upper()))
        made.append(file)
    return made


def main(arguments: list[str]) -> int:
    """Run the command line and return the exit status."""
    try:
        made = generate(" ".join(arguments), Path(__file__).parents[1] / "services")
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write("".join(f"  {file}\n" for file in made) + NEXT.format(name=arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
