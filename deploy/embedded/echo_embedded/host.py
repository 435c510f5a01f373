"""The platform in one process: all services, SQLite files, an in-memory bus, objects in a folder."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from echo_embedded.data_folder import DataFolder, Secrets


@dataclass(frozen=True, slots=True)
class Platform:
    """A ready platform. `broken` completes with the reason if a service dies."""

    url: str
    internal: str
    secrets: Secrets
    broken: "asyncio.Future[str]"


@asynccontextmanager
async def running(folder: DataFolder, *, models: Path, listen: str) -> AsyncIterator[Platform]:
    """Run the platform on a data folder that the caller has locked; yield once it is ready.

    Raises `CannotStartError` and `AddressTakenError` if the environment does not allow a start.
    """
    async with AsyncExitStack() as stack:
        secrets = folder.secrets()
        broken: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        # In a thread, because imports take half of the start.
        assembled = await asyncio.to_thread(_assembly)
        url, internal = await stack.enter_async_context(assembled(folder, secrets, models, listen, broken))
        yield Platform(url, internal, secrets, broken)


def _assembly() -> Callable[..., AbstractAsyncContextManager[tuple[str, str]]]:
    from echo_embedded.assembly import assembled

    return assembled
