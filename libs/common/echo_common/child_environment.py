"""Isolation of child processes: no secrets of the service, and no network unless they need one."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from threading import Lock

from echo_common import run_without_network

_KEPT = (
    *("PATH", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ", "HOME", "TMPDIR", "XDG_CACHE_HOME"),
    "ORT_DISABLE_TELEMETRY",
)
_KEPT_FOR_NETWORK = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)
_PROBE_SECONDS = 20.0
_asking = Lock()


def scrubbed_environment(*, threads: int, settings: str | None = None, network: bool = False) -> dict[str, str]:
    """Return the environment of a child process: an allow-list without secrets of the service.

    Args:
        threads: Limit on the threads of number libraries.
        settings: Prefix of the variables that are settings of the child itself, for example `ECHO_SYNTHESIS_GEMINI_`.
        network: Keep the variables that configure network access.
    """
    names = [*_KEPT, *(_KEPT_FOR_NETWORK if network else ())]
    own = [name for name in os.environ if settings is not None and name.upper().startswith(settings)]
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    # Stops the allocator from keeping a heap for every thread that ever ran.
    return {name: os.environ[name] for name in [*names, *own] if name in os.environ} | limits | {"MALLOC_ARENA_MAX": "2"}


def isolated_command(module: str, *arguments: object) -> list[str]:
    """Return the command that runs a module without a network, where the platform allows that."""
    note_network_isolation()
    return [sys.executable, "-m", run_without_network.__name__, module, *map(str, arguments)]


def note_network_isolation() -> None:
    """Log once per process that children have network access, where it cannot be removed."""
    with _asking:
        _note_network_isolation()


@cache
def _note_network_isolation() -> None:
    if not network_can_be_cut():
        import structlog  # not in the children, which import this module too: it takes half of their start

        structlog.get_logger(__name__).warning("child_network_not_isolated", error="network namespaces are not permitted here")


def network_can_be_cut() -> bool:
    """Return whether this platform can remove a child process's network access."""
    command = [sys.executable, "-I", "-S", str(Path(run_without_network.__file__)), run_without_network.CHECK]
    try:
        return subprocess.run(command, check=False, capture_output=True, timeout=_PROBE_SECONDS).returncode == 0  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
