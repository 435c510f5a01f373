"""The whole platform in one process: SQLite files, a bus in memory, objects in a folder, every service."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from echo_embedded.datafolder import DataFolder, Secrets


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform that is ready. `broken` ends, with the reason, when a part of it dies."""

    url: str
    internal: str
    secrets: Secrets
    broken: "asyncio.Future[str]"


@asynccontextmanager
async def running(folder: DataFolder, *, models: Path, listen: str) -> AsyncIterator[Platform]:
    """Run the platform on a data folder that the caller holds; yields when everything is ready.

    Raises `CannotStartError` and `AddressTakenError` when the surroundings do not allow it.
    """
    async with AsyncExitStack() as stack:
        secrets = folder.secrets()
        broken: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        # Half of a start is imports.
        assembled = await asyncio.to_thread(_assembly)
        url, internal = await stack.enter_async_context(assembled(folder, secrets, models, listen, broken))
        yield Platform(url, internal, secrets, broken)


def _assembly() -> Callable[..., AbstractAsyncContextManager[tuple[str, str]]]:
    from echo_embedded.assembly import assembled

    return assembled
