"""The whole platform in one process: an embedded database, a bus in memory, objects in a folder, every service."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from echo_embedded.database import EmbeddedDatabase
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
        database = EmbeddedDatabase(folder.database)
        stack.push_async_callback(database.stop)
        starting = asyncio.create_task(database.start())
        stack.push_async_callback(_given_up, starting)
        # Half of a start is imports: they go on while the database starts.
        assembled = await asyncio.to_thread(_assembly)
        url, internal = await stack.enter_async_context(assembled(folder, secrets, models, listen, starting, broken))
        database.died.add_done_callback(partial(_tell_death, broken))
        yield Platform(url, internal, secrets, broken)


def _assembly() -> Callable[..., AbstractAsyncContextManager[tuple[str, str]]]:
    from echo_embedded.assembly import assembled

    return assembled


async def _given_up(starting: "asyncio.Task[str]") -> None:
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)


def _tell_death(broken: "asyncio.Future[str]", _: object) -> None:
    if not broken.done():
        broken.set_result("The embedded database has died.")
