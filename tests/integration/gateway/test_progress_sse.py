"""Following a job by server-sent events."""

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohttp
import pytest

from echo_common.bus.delivery import encode
from echo_common.contracts.events.synthesis import JobCompleted, JobProgressed, JobStarted
from echo_common.http.client import ServiceClient
from echo_gateway.progress_polls import Follower, ProgressPolls
from tests.integration.gateway.conftest import EVERYTHING, Gateway, Start
from tests.support.eventually import eventually
from tests.support.rawhttp import RawClient
from tests.support.upstream import Exchange, Upstream

PROGRESS = "/api/v1/job/job_1/progress"


@dataclass
class ScriptedJob:
    """A job with a state set by the test."""

    status: str = "pending"
    units_done: int = 0
    units_total: int = 0
    error_message: str | None = None
    eta_seconds: float | None = None
    owner: str = "usr_1"
    asked: int = 0
    path: str = "/job/job_1"
    type: str = "synthesis"
    tokens: list[str | None] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    async def answer(self, exchange: Exchange) -> None:
        self.asked += 1
        self.tokens.append(exchange.asked.header("authorization"))
        if exchange.asked.target.partition("?")[0] != self.path:
            await exchange.json({"code": "JOB_NOT_FOUND", "message": "There is no such job."}, status=404)
            return
        if exchange.asked.header("authorization") in self.refused:
            await exchange.json({"code": "INVALID_TOKEN", "message": "It is not valid any more."}, status=401)
            return
        await exchange.json({name: value for name, value in vars(self).items() if name not in {"asked", "tokens", "refused"}})


@pytest.fixture
def job(synthesis: Upstream) -> ScriptedJob:
    scripted = ScriptedJob()
    synthesis.answer = scripted.answer
    return scripted


class Listener:
    """A client that reads server-sent events."""

    def __init__(self, response: Any) -> None:
        self._response = response

    async def next(self) -> tuple[int | None, dict[str, Any]]:
        """The next event: id and data."""
        number: int | None = None
        while line := await asyncio.wait_for(self._response.content.readline(), 10):
            text = line.decode().rstrip("\n")
            if text.startswith("id: "):
                number = int(text[4:])
            if text.startswith("data: "):
                return number, json.loads(text[6:])
        raise EOFError

    async def rest(self) -> list[tuple[int | None, dict[str, Any]]]:
        found = []
        while True:
            try:
                found.append(await self.next())
            except EOFError:
                return found


async def test_jobs_are_followed_from_the_queue_to_the_end(gateway: Gateway, job: ScriptedJob) -> None:
    async with gateway.ask("GET", PROGRESS) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Accel-Buffering"] == "no"
        listener = Listener(response)
        assert await listener.next() == (1, {"progress": 0, "status": "pending", "message": "Job queued for processing"})
        job.status, job.units_total, job.units_done = "processing", 4, 1
        await gateway.bus.publish([encode(JobProgressed(job_id="job_1", user_id="usr_1", units_done=1, units_total=4))])
        assert (await listener.next())[0] == 2
        assert await listener.next() == (3, {"progress": 25, "status": "processing", "message": "1 of 4 segments synthesised."})
        job.status, job.units_done = "completed", 4
        await gateway.bus.publish([encode(JobCompleted(job_id="job_1", user_id="usr_1", audio_id="aud_1", duration=1))])
        rest = await listener.rest()
    assert [number for number, _ in rest] == [4, 5, 6, 7, None]
    assert rest[-2][1] == {"progress": 100, "status": "completed", "message": "Synthesis completed"}
    assert rest[-1][1] == {"event": "complete"}


async def test_trainings_are_followed_by_their_job_id(gateway: Gateway, voice: Upstream) -> None:
    job = ScriptedJob(path="/job/job_train_1", type="training", units_total=10)
    voice.answer = job.answer
    async with gateway.ask("GET", "/api/v1/job/job_train_1/progress") as response:
        listener = Listener(response)
        assert (await listener.next())[1]["status"] == "pending"
        job.status, job.units_done = "completed", 10
        rest = await listener.rest()
    assert rest[-2][1] == {"progress": 100, "status": "completed", "message": "Training completed"}
    assert rest[-1][1] == {"event": "complete"}


async def test_reconnections_neither_lose_nor_repeat_events(gateway: Gateway, job: ScriptedJob) -> None:
    job.status, job.units_total, job.units_done = "completed", 6, 6
    async with gateway.ask("GET", PROGRESS) as response:
        whole = await Listener(response).rest()
    for seen in range(10):
        async with gateway.ask("GET", PROGRESS, headers=gateway.bearer() | {"Last-Event-ID": str(seen)}) as response:
            assert await Listener(response).rest() == whole[seen:] if seen < 9 else [(None, {"event": "complete"})]


@pytest.mark.slow
async def test_lost_notifications_delay_but_lose_no_event(gateway: Gateway, job: ScriptedJob) -> None:
    async with gateway.ask("GET", PROGRESS) as response:
        listener = Listener(response)
        await listener.next()
        job.status, job.units_total, job.error_message = "failed", 3, "The engine died three times."
        rest = await listener.rest()
    assert rest[-2] == (6, {"progress": 0, "status": "failed", "message": "The engine died three times."})


async def test_only_the_newest_event_has_the_remaining_time(gateway: Gateway, job: ScriptedJob) -> None:
    job.status, job.units_total, job.units_done, job.eta_seconds = "processing", 9, 2, 41.6
    async with gateway.ask("GET", PROGRESS) as response:
        listener = Listener(response)
        events = [(await listener.next())[1] for _ in range(4)]
        response.close()
    assert [event.get("eta_seconds") for event in events] == [None, None, None, 41.6]
    assert events[-1]["message"] == "2 of 9 segments synthesised. About 42 s left."


async def test_jobs_of_other_users_are_not_found(gateway: Gateway, job: ScriptedJob) -> None:
    async with gateway.ask("GET", "/api/v1/job/job_2/progress") as response:
        assert (response.status, (await response.json())["error"]["code"]) == (404, "JOB_NOT_FOUND")
    async with gateway.ask("GET", "/api/v1/job/..%2Fvoices/progress") as response:
        assert response.status == 404
    async with gateway.ask("GET", PROGRESS, headers={}) as response:
        assert response.status == 401
    assert gateway.deps.progress_polls.watched == 0


async def test_synthesis_receives_the_token_of_the_principal(gateway: Gateway, job: ScriptedJob) -> None:
    job.status = "cancelled"
    headers = gateway.bearer()
    async with gateway.ask("GET", PROGRESS, headers=headers) as response:
        await response.read()
    assert job.tokens == [headers["Authorization"]]


@pytest.mark.slow
async def test_disconnected_clients_leave_no_resources(gateway: Gateway, job: ScriptedJob) -> None:
    before = len(asyncio.all_tasks())
    for _ in range(20):
        async with gateway.ask("GET", PROGRESS) as response:
            await Listener(response).next()
            response.close()
    await eventually(lambda: gateway.deps.progress_polls.watched == 0)
    await eventually(lambda: len(asyncio.all_tasks()) <= before + 2)


@pytest.mark.slow
async def test_two_hundred_clients_of_a_job_share_a_poll(start: Start, job: ScriptedJob) -> None:
    job.status, job.units_total = "processing", 20
    clients = 200
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(start(limit_user=0, open_subscriptions=0))
        connector = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        url, headers = gateway.url + PROGRESS, gateway.bearer()
        listeners = [Listener(await stack.enter_async_context(connector.get(url, headers=headers))) for _ in range(clients)]
        for listener in listeners:
            assert [(await listener.next())[0] for _ in range(2)] == [1, 2]
        before = job.asked
        for done in range(1, 11):
            job.units_done = done
            await gateway.bus.publish([encode(JobProgressed(job_id="job_1", user_id="usr_1", units_done=done, units_total=20))])
            told = await asyncio.gather(*(listener.next() for listener in listeners))
            assert {number for number, _ in told} == {2 + done}
        assert job.asked - before < clients / 4
        assert gateway.deps.progress_polls.watched == 1


async def test_the_poll_ends_with_the_last_client(gateway: Gateway, job: ScriptedJob) -> None:
    async with gateway.ask("GET", PROGRESS) as first, gateway.ask("GET", PROGRESS) as second:
        for response in (first, second):
            await Listener(response).next()
        first.close()
        job.status = "processing"
        await gateway.bus.publish([encode(JobStarted(job_id="job_1", user_id="usr_1", attempt=1))])
        assert (await Listener(second).next())[0] == 2
    await eventually(lambda: gateway.deps.progress_polls.watched == 0)
    asked = job.asked
    await gateway.bus.publish([encode(JobStarted(job_id="job_1", user_id="usr_1", attempt=1))])
    async with gateway.ask("GET", PROGRESS) as again:
        await Listener(again).next()
    assert job.asked == asked + 1


@pytest.mark.slow
async def test_an_ended_session_disconnects_only_its_client(gateway: Gateway, job: ScriptedJob) -> None:
    job.status, job.units_total = "processing", 9
    mine, ended = gateway.bearer(sid="ses_mine"), gateway.bearer(sid="ses_ended")
    async with gateway.ask("GET", PROGRESS, headers=ended) as first, gateway.ask("GET", PROGRESS, headers=mine) as second:
        cut, kept = Listener(first), Listener(second)
        for listener in (cut, kept):
            assert [(await listener.next())[0] for _ in range(2)] == [1, 2]
        gateway.issuer.revoked_sessions.append("ses_ended")
        assert await cut.rest() == []
        job.status, job.units_done = "completed", 9
        assert (await kept.rest())[-1][1] == {"event": "complete"}


@pytest.mark.slow
async def test_a_stream_outlives_the_token_of_its_api_key_but_not_the_key(gateway: Gateway, job: ScriptedJob) -> None:
    key, issuer = "echo_a-key-of-the-test", gateway.issuer
    issuer.api_keys[key] = {"sub": "usr_1", "sid": "key_1", "scope": EVERYTHING}
    async with gateway.ask("GET", PROGRESS, headers={"X-API-Key": key}) as response:
        listener = Listener(response)
        await listener.next()
        issuer.api_keys[key]["sid"] = "key_2"
        issuer.revoked_sessions.append("key_1")  # as with a token that has expired
        await eventually(lambda: len(issuer.exchanges) == 2)
        job.status, job.units_total, job.units_done = "processing", 4, 1
        assert (await listener.next())[1]["status"] == "processing"
        assert (await listener.next())[1]["progress"] == 25

        del issuer.api_keys[key]
        issuer.revoked_sessions.append("key_2")
        assert await listener.rest() == []
    await eventually(lambda: gateway.deps.progress_polls.watched == 0)


async def test_a_refused_token_does_not_affect_other_clients(gateway: Gateway, job: ScriptedJob) -> None:
    job.status, job.units_total = "processing", 9
    doomed = gateway.bearer(sid="ses_1")
    async with (
        gateway.ask("GET", PROGRESS, headers=doomed) as first,
        gateway.ask("GET", PROGRESS, headers=gateway.bearer(sid="ses_2")) as second,
    ):
        cut, kept = Listener(first), Listener(second)
        for listener in (cut, kept):
            assert [(await listener.next())[0] for _ in range(2)] == [1, 2]
        job.refused.add(doomed["Authorization"])
        assert await cut.rest() == []
        job.status, job.units_done = "completed", 9
        assert (await kept.rest())[-1][1] == {"event": "complete"}


@pytest.mark.slow
async def test_the_connection_stays_usable_after_the_last_event(gateway: Gateway, job: ScriptedJob) -> None:
    """A client can request the result on the same connection."""
    token = gateway.bearer()["Authorization"]
    for _ in range(10):
        job.status = "processing"
        async with RawClient.at(gateway.url) as client:
            client.get(PROGRESS, Authorization=token)
            await eventually(lambda: gateway.deps.progress_polls.watched == 1)
            await client.reader.readuntil(b"Processing started.")
            job.status = "completed"
            await gateway.bus.publish([encode(JobCompleted(job_id="job_1", user_id="usr_1", audio_id="aud_1", duration=1))])
            await client.reader.readuntil(b"\r\n0\r\n\r\n")
            client.get("/healthz")
            assert (await client.response()).status == 200
        await eventually(lambda: gateway.deps.progress_polls.watched == 0)


async def test_a_retried_job_is_followed_separately_from_its_first_run(job: ScriptedJob, synthesis: Upstream) -> None:
    job.status, progress_polls = "failed", ProgressPolls()
    async with synthesis.serving() as url, ServiceClient.open("synthesis", url) as client:
        following = partial(progress_polls.following, client, "job_1", "/job/job_1")
        async with following(Follower("first")) as watch:
            await watch.join("first")
            await eventually(lambda: watch.over)
            job.status = "pending"
            async with following(Follower("second")) as again:
                await again.join("second")
                assert again.state is not None
                assert again.state["status"] == "pending"
                assert not again.over
