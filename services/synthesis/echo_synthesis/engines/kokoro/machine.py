"""Properties of the machine that backends depend on: the processor and the installed libraries."""

import hashlib
import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@lru_cache
def machine() -> str:
    """Return a digest of the processor and the libraries."""
    facts = [*flags(), _cpu("model name"), *(package_version(name) for name in ("onnxruntime", "openvino"))]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def flags() -> list[str]:
    """Return the architecture's name and the processor's instruction sets, these sorted."""
    return [platform.machine(), *sorted((_cpu("flags") or _cpu("Features")).split())]


def package_version(package: str) -> str:
    """Return the version of an installed package; empty when it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


@lru_cache
def _cpu(fact: str) -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(fact)), "")
