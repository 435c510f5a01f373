"""Speech engines: every folder here is one, registered by being here."""

import importlib
import pkgutil
from collections.abc import Mapping

from echo_synthesis.engine import EngineSpec


def discover() -> Mapping[str, EngineSpec]:
    """The engines found, by name. Loads none of them."""
    found = (
        importlib.import_module(f"{__name__}.{module.name}").SPEC for module in pkgutil.iter_modules(__path__) if module.ispkg
    )
    return {spec.name: spec for spec in sorted(found, key=lambda spec: spec.name)}
