"""An S3 server for tests: moto's, in a thread."""

import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from echo_common.storage.connect import open_storage
from echo_common.storage.port import ObjectStore

ACCESS_KEY = SecretStr("test-access-key")
SECRET_KEY = SecretStr("test-secret-key")


@dataclass(frozen=True)
class Bucket:
    """A private bucket of a test that does not exist yet."""

    url: str

    async def open(self) -> ObjectStore:
        return await open_storage(self.url, access_key=ACCESS_KEY, secret_key=SECRET_KEY)


class S3Server:
    """moto's server on a free port."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()
        if self._server._server:
            self._server._server.server_close()  # moto leaves the socket open

    @property
    def endpoint(self) -> str:
        host, port = self._server.get_host_and_port()
        return f"http://{host}:{port}"

    def bucket(self) -> Bucket:
        return Bucket(f"s3://b{uuid.uuid4().hex[:12]}?endpoint={self.endpoint}&region=us-east-1")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    server = S3Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def bucket(s3_server: S3Server) -> Bucket:
    return s3_server.bucket()


@pytest.fixture
async def s3_storage(bucket: Bucket) -> AsyncIterator[ObjectStore]:
    storage = await bucket.open()
    yield storage
    await storage.close()
