"""Readiness of all services."""

import asyncio
from collections.abc import Mapping
from typing import Any

from echo_common.errors import EchoError
from echo_common.http.client import ServiceClient
from echo_embedded.data_folder import CannotStartError

READY_SECONDS = 120.0  # the first load of a model may compile it; later loads take a second or two
_POLL_SECONDS = 0.05


async def until_ready(urls: Mapping[str, str], broken: "asyncio.Future[str]", *, seconds: float = READY_SECONDS) -> None:
    """Wait until every service is ready.

    Raises `CannotStartError` with the reason in `broken` if that completes first, or with the reasons of unready services after
    `seconds`.
    """
    missing = dict.fromkeys(urls, "no answer")
    waiting = asyncio.gather(*(_until_ready(name, url, missing) for name, url in urls.items()))
    ends: set[asyncio.Future[Any]] = {waiting, broken}
    try:
        done, _ = await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    if broken.done():
        raise CannotStartError(broken.result())
    if not done:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
        raise CannotStartError(f"The platform was not ready within {seconds:g} seconds ({reasons}).")


async def _until_ready(name: str, url: str, missing: dict[str, str]) -> None:
    async with ServiceClient.open(name, url) as client:
        while True:
            try:
                health = await client.request("GET", "/health")
            except EchoError as error:
                missing[name] = error.message
            else:
                if health["status"] == "ok":
                    del missing[name]
                    return
                missing[name] = _reason(health)
            await asyncio.sleep(_POLL_SECONDS)


def _reason(health: Mapping[str, Mapping[str, Mapping[str, str]]]) -> str:
    return "; ".join(
        f"{name}: {part.get('reason')}" for name, part in health.get("parts", {}).items() if part["status"] != "ok"
    )
