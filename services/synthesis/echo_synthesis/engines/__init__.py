"""Speech engines: each package in this folder is registered as an engine."""

import importlib
import pkgutil
from collections.abc import Collection, Mapping

from echo_synthesis.engine import EngineSpec


def discover(names: Collection[str] | None = None) -> Mapping[str, EngineSpec]:
    """Return the engines by name: all, or those in `names`. Loads no model."""
    folders = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    return {name: _spec(name) for name in folders if names is None or name in names}


def _spec(name: str) -> EngineSpec:
    module = importlib.import_module(f"{__name__}.{name}")
    spec: EngineSpec = module.spec() if hasattr(module, "spec") else module.SPEC
    return spec
