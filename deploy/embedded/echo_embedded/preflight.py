"""Checks of the environment before a start."""

import shutil
import socket
from pathlib import Path
from urllib.parse import urlsplit

from echo_common.http.server import AddressTakenError
from echo_embedded.data_folder import CannotStartError
from echo_synthesis.engine import EngineConfig
from echo_synthesis.engines import discover
from echo_synthesis.settings import SynthesisSettings


def require_free(listen: str) -> None:
    """Raise `AddressTakenError` unless the address is free; another process may still take it later."""
    parts = urlsplit(listen)
    host, port = parts.hostname or "127.0.0.1", parts.port or 0
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, _, _, address = found[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise AddressTakenError(f"Cannot listen on {listen}: {error.strerror}.") from error


def require_space(folder: Path, minimum_free_bytes: int) -> None:
    """Raise `CannotStartError` if the disk of a folder has less free space than readiness requires."""
    free = shutil.disk_usage(folder).free
    if free < minimum_free_bytes:
        raise CannotStartError(
            f"Only {free / 1e6:.0f} MB are free on the disk of {folder}, and {minimum_free_bytes / 1e6:.0f} MB are needed: "
            "free some space, or set ECHO_MINIMUM_FREE_BYTES."
        )


def require_models(settings: SynthesisSettings) -> None:
    """Raise `CannotStartError` if a configured engine is unknown or lacks its model."""
    known = discover()
    for name in settings.engines:
        if name not in known:
            raise CannotStartError(f"There is no speech engine {name!r}; use {', '.join(known)} in ECHO_SYNTHESIS_ENGINES.")
        if known[name].remote:
            continue  # a remote engine may lack its key
        if missing := known[name].missing(EngineConfig(models=settings.models)):
            raise CannotStartError(
                f"The engine {name} lacks {missing[0]} in {settings.models}: fetch it with `echoctl models`, "
                "or set ECHO_SYNTHESIS_ENGINES=piper."
            )
