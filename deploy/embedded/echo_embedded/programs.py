"""The broker and the database of the distributed deployment as restartable programs."""

import asyncio
from pathlib import Path

from echo_embedded.broker import RabbitNode
from echo_embedded.database import EmbeddedDatabase

_POLL_SECONDS = 0.1


class Broker:
    """A RabbitMQ node. Its queues survive a restart, because they are in its folder."""

    def __init__(self, node: RabbitNode) -> None:
        self._node = node

    @property
    def pid(self) -> int | None:  # noqa: D102
        return self._node.pid

    async def launch(self) -> None:  # noqa: D102
        await self._node.kill()  # remains of its process group would hold the port
        await self._node.start()

    async def ended(self) -> int:  # noqa: D102
        while (code := self._node.exit_code) is None:  # noqa: ASYNC110 - an operating system process
            await asyncio.sleep(_POLL_SECONDS)
        return code

    async def stop(self) -> None:  # noqa: D102
        await self._node.kill()

    def failure_message(self) -> str:  # noqa: D102
        return f"RabbitMQ ended; its logs are in {self._node.folder}."


class Database:
    """The MongoDB-compatible server on a folder. It keeps its port, so that services can reconnect."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._server: EmbeddedDatabase | None = None
        self.url = f"mongodb://127.0.0.1:{port}/?directConnection=true&retryWrites=false"

    @property
    def pid(self) -> int | None:  # noqa: D102
        try:
            return None if self._server is None else self._server.pid
        except ProcessLookupError:
            return None

    async def launch(self) -> None:  # noqa: D102
        self._server = EmbeddedDatabase(self._folder, port=self._port)
        await self._server.start()

    async def ended(self) -> int:  # noqa: D102
        return 0 if self._server is None else await self._server.ended()

    async def stop(self) -> None:  # noqa: D102
        if self._server is not None:
            await self._server.stop()

    def failure_message(self) -> str:  # noqa: D102
        return "" if self._server is None else f"The database ended; its log is {self._server.log}."
