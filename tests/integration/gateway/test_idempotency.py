"""Writes sent twice."""

import asyncio
import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from echo_common.http.idempotency import Idempotency, IdempotencyConflictError
from echo_common.store.mongo import open_store
from tests.integration.gateway.conftest import Gateway
from tests.support.eventually import eventually
from tests.support.upstream import Exchange, Upstream

JOB = "/api/v1/job"


async def create(gateway: Gateway, key: str = "k1", body: str = '{"text_content": "a"}', path: str = JOB, **claims: Any) -> Any:
    headers = gateway.bearer(**claims) | {"Idempotency-Key": key}
    async with gateway.ask("POST", path, headers=headers, data=body.encode()) as response:
        content = json.loads(await response.read())
        return response.status, content.get("data") or content["error"]["code"], response.headers


@pytest.fixture
def counting(synthesis: Upstream) -> Upstream:
    """A service that does something new each time."""

    async def number(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.json({"number": len(synthesis.asked)}, status=201)

    synthesis.answer = number
    return synthesis


async def test_the_first_answer_is_given_again(gateway: Gateway, counting: Upstream) -> None:
    first = await create(gateway)
    again = await create(gateway)
    assert first[:2] == again[:2] == (201, {"number": 1})
    assert "Idempotency-Replayed" not in first[2]
    assert again[2]["Idempotency-Replayed"] == "true"
    assert again[2]["Content-Type"] == first[2]["Content-Type"]
    assert "RateLimit" in again[2]
    assert counting.asked[0].header("idempotency-key") == "k1"


async def test_a_key_belongs_to_its_user_and_its_path(gateway: Gateway, counting: Upstream) -> None:
    answers = [
        await create(gateway),
        await create(gateway, sub="usr_2"),
        await create(gateway, path="/api/v1/tts/synthesize"),
        await create(gateway, key="k2"),
    ]
    assert [data["number"] for _, data, _ in answers] == [1, 2, 3, 4]


async def test_another_request_under_the_same_key_is_refused(gateway: Gateway, counting: Upstream) -> None:
    await create(gateway)
    assert (await create(gateway, body='{"text_content": "b"}'))[:2] == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(counting.asked) == 1


@pytest.mark.parametrize("key", ["", "ä", "x" * 256])
async def test_a_key_must_be_printable_and_short(gateway: Gateway, counting: Upstream, key: str) -> None:
    assert (await create(gateway, key=key))[:2] == (422, "VALIDATION_ERROR")
    assert counting.asked == []


async def test_a_request_that_still_runs_is_a_conflict(gateway: Gateway, synthesis: Upstream) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def slowly(exchange: Exchange) -> None:
        await exchange.read()
        begun.set()
        await go.wait()
        await exchange.json({"number": 1})

    synthesis.answer = slowly
    running = asyncio.create_task(create(gateway))
    await begun.wait()
    status, code, headers = await create(gateway)
    assert (status, code) == (409, "IDEMPOTENCY_CONFLICT")
    assert int(headers["Retry-After"]) > 0
    go.set()
    assert (await running)[0] == 200
    assert (await create(gateway))[2]["Idempotency-Replayed"] == "true"


async def test_of_twenty_at_once_one_is_done(gateway: Gateway, counting: Upstream) -> None:
    answers = await asyncio.gather(*(create(gateway) for _ in range(20)))
    assert {status for status, _, _ in answers} <= {201, 409}
    assert len(counting.asked) == 1


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_an_answer_of_the_moment_is_not_kept(gateway: Gateway, synthesis: Upstream, status: int) -> None:
    async def fail(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.json({"code": "SOME", "message": "Not now."}, status=status)

    synthesis.answer = fail
    assert (await create(gateway))[:2] == (status, "SOME")
    assert (await create(gateway))[:2] == (status, "SOME")
    assert len(synthesis.asked) == 2


async def test_a_refusal_is_kept_too(gateway: Gateway, synthesis: Upstream) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.json({"code": "VOICE_NOT_FOUND", "message": "There is no such voice."}, status=404)

    synthesis.answer = refuse
    for _ in range(2):
        assert (await create(gateway))[:2] == (404, "VOICE_NOT_FOUND")
    assert len(synthesis.asked) == 1


async def test_a_broken_answer_frees_the_key(gateway: Gateway, counting: Upstream) -> None:
    good = counting.answer

    async def broken(exchange: Exchange) -> None:
        await exchange.start(content_type="application/json", content_length="100")
        await exchange.write(b"{")
        raise ConnectionError

    counting.answer = broken
    status, code, _ = await create(gateway)
    assert (status, code) == (500, "INTERNAL_ERROR")
    counting.answer = good
    assert (await create(gateway))[:2] == (201, {"number": 2})


async def test_a_client_that_left_finds_the_answer_when_it_comes_back(gateway: Gateway, synthesis: Upstream) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def slowly(exchange: Exchange) -> None:
        await exchange.read()
        begun.set()
        await go.wait()
        await exchange.json({"number": len(synthesis.asked)})

    async def kept() -> bool:
        return bool((await create(gateway))[2].get("Idempotency-Replayed"))

    synthesis.answer = slowly
    running = asyncio.create_task(create(gateway))
    await begun.wait()
    running.cancel()
    go.set()
    await eventually(kept)
    assert len(synthesis.asked) == 1


async def test_a_crash_frees_the_key_after_the_lease(database: Any) -> None:
    store = await open_store(database.url, f"{database.prefix}keys")
    answered: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b"{}"})

    async def receive() -> Any:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Any) -> None:
        answered.append(message)

    scope = {"method": "POST", "raw_path": b"/x", "query_string": b"", "headers": [(b"idempotency-key", b"k")]}
    keys = await Idempotency.open(store, lease=timedelta(milliseconds=200))
    entry = store.collection("idempotency_keys")
    await keys.once(app, "usr_1", scope, receive, send)
    kept = await entry.find_one({})
    assert kept is not None
    # what a process leaves behind that dies in between
    await entry.update_one({"_id": kept["_id"]}, {"$unset": {"status": 1, "headers": 1, "body": 1}})

    with pytest.raises(IdempotencyConflictError):
        await keys.once(app, "usr_1", scope, receive, send)

    async def taken_over() -> bool:
        with suppress(IdempotencyConflictError):
            await keys.once(app, "usr_1", scope, receive, send)
            return True
        return False

    await eventually(taken_over, within=5)
    await store.close()
