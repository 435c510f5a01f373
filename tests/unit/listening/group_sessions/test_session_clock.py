"""The estimate of the database's time in each replica."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from echo_common.store.port import DuplicateError
from echo_listening.live.clock import SessionClock


class FakeDocuments:
    def __init__(self) -> None:
        self.document: dict[str, Any] | None = None

    async def ensure(self, _: object) -> None: ...

    async def find_one(self, _: object) -> dict[str, Any] | None:
        return self.document

    async def insert(self, document: dict[str, Any]) -> None:
        if self.document is not None:
            raise DuplicateError("_id_")
        self.document = document

    async def update_one(self, where: Mapping[str, Any], update: Mapping[str, Any]) -> bool:
        if self.document is None or self.document["number"] != where["number"]:
            return False
        self.document = {
            **self.document,
            **update["$set"],
            "steps": [*self.document["steps"], update["$push"]["steps"]],
        }
        return True


class FakeServer:
    """A database server with a clock of its own, and the monotonic clocks of replicas; a round trip takes 2 ms."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.error = 0.0
        self.documents = FakeDocuments()

    async def time(self) -> datetime:
        self.seconds += 0.001
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds + self.error)
        self.seconds += 0.001
        return moment

    def collection(self, _: str) -> FakeDocuments:
        return self.documents

    async def clock(self, started: float) -> SessionClock:
        found = SessionClock(self, lambda: self.seconds - started)  # type: ignore[arg-type]  # a part of the port
        await found.prepare()
        return found

    def now(self) -> int:
        return round((datetime(2026, 1, 1, tzinfo=UTC).timestamp() + self.seconds + self.error) * 1000)


async def test_replicas_have_the_time_of_the_database_whenever_they_started() -> None:
    server = FakeServer()
    clocks = [await server.clock(started) for started in (0.0, -5_000.0, 77.7)]
    server.seconds += 1_000

    assert all(abs(clock.now() - server.now()) <= 1 for clock in clocks)


async def test_a_step_of_the_server_is_found_once_and_known_to_all_replicas() -> None:
    server = FakeServer()
    first, second = await server.clock(0.0), await server.clock(50.0)
    before = first.now()
    server.error = -3_600.0
    for _ in range(4):
        await first.follow_once()
        await second.follow_once()

    assert (first.number, second.number) == (1, 1)
    assert all(abs(clock.now() - server.now()) <= 1 for clock in (first, second))
    assert abs(first.moved(before, 0) - first.now()) < 100


async def test_a_single_late_round_trip_is_no_step() -> None:
    server = FakeServer()
    clock = await server.clock(0.0)
    server.error = 0.5
    await clock.follow_once()
    server.error = 0.0
    for _ in range(4):
        await clock.follow_once()

    assert clock.number == 0
    assert abs(clock.now() - server.now()) <= 1
