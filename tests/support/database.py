"""Databases for tests: SQLite, SecantusDB, and a MongoDB from the environment or Docker."""

import os
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from pymongo import MongoClient

from echo_common.store.connect import open_store
from echo_common.store.port import Store
from echo_embedded.database import EmbeddedDatabase
from tests.support.requirements import Missing, Require


@dataclass(frozen=True)
class Database:
    """A private place of a test: all databases at `url` whose names start with `prefix`."""

    url: str
    prefix: str

    async def open(self, name: str = "test") -> Store:
        return await open_store(self.url, self.prefix + name)


def _corner(url: str) -> Iterator[Database]:
    database = Database(url, f"t{uuid.uuid4().hex[:12]}_")
    yield database
    client: MongoClient[dict[str, object]]
    with MongoClient(url) as client:
        for name in client.list_database_names():
            if name.startswith(database.prefix):
                client.drop_database(name)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def embedded_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    server = EmbeddedDatabase(tmp_path_factory.mktemp("database"))
    yield await server.start()
    await server.stop()


@pytest.fixture(scope="session")
def found_mongodb() -> Iterator[str | Missing]:
    if url := os.environ.get("ECHO_TEST_MONGODB_URL"):
        yield url
    elif shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        yield Missing("no ECHO_TEST_MONGODB_URL, no Docker")
    else:
        from testcontainers.mongodb import MongoDbContainer

        with MongoDbContainer("mongo:8") as container:
            yield container.get_connection_url()


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """An empty database of the embedded mode."""
    return Database(f"sqlite://{tmp_path}/database", "")


@pytest.fixture(params=["sqlite", "secantus", "mongodb"])
def any_database(request: pytest.FixtureRequest, require: Require) -> Iterator[Database]:
    """Like `database`, on every supported database."""
    if request.param == "sqlite":
        yield request.getfixturevalue("database")
    elif request.param == "secantus":
        yield from _corner(request.getfixturevalue("embedded_server"))
    else:
        yield from _corner(require("mongodb", request.getfixturevalue("found_mongodb")))


@pytest.fixture
async def store(any_database: Database) -> AsyncIterator[Store]:
    """A store on every database."""
    store = await any_database.open()
    yield store
    await store.close()


@pytest.fixture
async def mortal_server(tmp_path: Path) -> AsyncIterator[EmbeddedDatabase]:
    """A stopped SecantusDB server, for tests that kill it."""
    server = EmbeddedDatabase(tmp_path / "mortal")
    yield server
    await server.stop()
