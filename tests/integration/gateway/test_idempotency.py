"""Tests of repeated writes with idempotency keys."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from echo_common.clock import now
from echo_common.http.idempotency import RETENTION, Idempotency, IdempotencyConflictError
from echo_common.store.sqlite.store import SqliteCollection
from tests.integration.gateway.conftest import Gateway, Start
from tests.support.eventually import eventually
from tests.support.upstream import Exchange, Upstream

JOB = "/api/v1/job"
SAMPLES = "/api/v1/voice/samples"


async def create(gateway: Gateway, key: str = "k1", body: str = '{"text_content": "a"}', path: str = JOB, **claims: Any) -> Any:
    headers = gateway.bearer(**claims) | {"Idempotency-Key": key}
    async with gateway.ask("POST", path, headers=headers, data=body.encode()) as response:
        content = json.loads(await response.read())
        return response.status, content.get("data") or content["error"]["code"], response.headers


async def create_json(gateway: Gateway, body: str) -> Any:
    return await send(gateway, JOB, body.encode(), "application/json")


async def send(gateway: Gateway, path: str, body: Any, content_type: str, key: str = "k1") -> Any:
    headers = gateway.bearer() | {"Idempotency-Key": key, "Content-Type": content_type}
    async with gateway.ask("POST", path, headers=headers, data=body) as response:
        content = json.loads(await response.read())
        return response.status, content.get("data") or content["error"]["code"], response.headers


async def upload(gateway: Gateway, content: bytes, boundary: str = "one", name: str = "Me", **more: Any) -> Any:
    parts = [("name", "", name.encode()), ("file", '; filename="me.wav"', content)]
    body = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"{extra}\r\n\r\n'.encode() + value + b"\r\n"
        for field, extra, value in (reversed(parts) if more.get("turned") else parts)
    )
    whole = body + f"--{boundary}--\r\n".encode()
    return await send(gateway, SAMPLES, whole, f"multipart/form-data; boundary={boundary}")


@pytest.fixture
def counting(synthesis: Upstream) -> Upstream:
    """A service with a different response for each request."""

    async def number(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.json({"number": len(synthesis.asked)}, status=201)

    synthesis.answer = number
    return synthesis


async def test_the_first_response_is_repeated(gateway: Gateway, counting: Upstream) -> None:
    first = await create(gateway)
    again = await create(gateway)
    assert first[:2] == again[:2] == (201, {"number": 1})
    assert "Idempotency-Replayed" not in first[2]
    assert again[2]["Idempotency-Replayed"] == "true"
    assert again[2]["Content-Type"] == first[2]["Content-Type"]
    assert "RateLimit" in again[2]


async def test_services_receive_a_key_per_user_operation_and_request(gateway: Gateway, counting: Upstream) -> None:
    await create(gateway)
    await create(gateway, path="/api/v1/tts/synthesize/async")
    await create(gateway, sub="usr_2")
    await create(gateway, key="k2")
    await create(gateway, key="k3", body='{"text_content": "b"}')
    assert len({asked.header("idempotency-key") for asked in counting.asked} - {"k1", "k2", "k3", None}) == 5


async def test_a_key_belongs_to_its_user_and_its_operation(gateway: Gateway, counting: Upstream) -> None:
    answers = [
        await create(gateway),
        await create(gateway, sub="usr_2"),
        await create(gateway, path="/api/v1/tts/synthesize"),
        await create(gateway, key="k2"),
    ]
    assert [data["number"] for _, data, _ in answers] == [1, 2, 3, 4]


async def test_aliases_are_one_operation(gateway: Gateway, counting: Upstream) -> None:
    assert (await create(gateway))[1] == (await create(gateway, path="/api/v1/jobs"))[1] == {"number": 1}
    other = await create(gateway, path="/api/v1/jobs", body='{"text_content": "b"}')
    assert other[:2] == (422, "IDEMPOTENCY_KEY_REUSED")


async def test_path_parameters_and_query_are_part_of_the_request(gateway: Gateway, counting: Upstream) -> None:
    retry = "/api/v1/job/{}/retry".format
    assert (await create(gateway, path=retry("job_1") + "?a=1&b=2"))[0] == 201
    assert (await create(gateway, path=retry("job_1") + "?b=2&a=1"))[2]["Idempotency-Replayed"] == "true"
    for other in (retry("job_2") + "?a=1&b=2", retry("job_1") + "?a=1", retry("job_1") + "?a=1&b=3"):
        assert (await create(gateway, path=other))[:2] == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(counting.asked) == 1


async def test_json_is_compared_by_its_values(gateway: Gateway, counting: Upstream) -> None:
    first = '{"text_content": "\u00e9", "speed": 1.0, "config": {"a": 1, "b": [1, 2]}}'
    same = '{ "config": {"b": [1,2], "a": 1},\n "speed": 1, "text_content": "\\u00e9" }'
    other = same.replace("[1,2]", "[2,1]")
    assert (await create_json(gateway, first))[0] == 201
    assert (await create_json(gateway, same))[2]["Idempotency-Replayed"] == "true"
    assert (await create_json(gateway, other))[:2] == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(counting.asked) == 1


@pytest.mark.parametrize("body", ["[" * 100_000, "{", "9" * 5_000])
async def test_a_body_that_cannot_be_parsed_is_compared_by_its_bytes(gateway: Gateway, counting: Upstream, body: str) -> None:
    assert (await create_json(gateway, body))[0] == 201
    assert (await create_json(gateway, body))[2]["Idempotency-Replayed"] == "true"
    assert (await create_json(gateway, body + " "))[:2] == (422, "IDEMPOTENCY_KEY_REUSED")


async def test_another_request_with_the_same_key_is_refused(gateway: Gateway, counting: Upstream) -> None:
    await create(gateway)
    assert (await create(gateway, body='{"text_content": "b"}'))[:2] == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(counting.asked) == 1


@pytest.mark.parametrize("key", ["", "ä", "x" * 256])
async def test_a_key_must_be_printable_and_short(gateway: Gateway, counting: Upstream, key: str) -> None:
    assert (await create(gateway, key=key))[:2] == (422, "VALIDATION_ERROR")
    assert counting.asked == []


async def test_a_request_in_progress_is_a_conflict(gateway: Gateway, synthesis: Upstream) -> None:
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


async def test_twenty_concurrent_requests_are_executed_once(gateway: Gateway, counting: Upstream) -> None:
    answers = await asyncio.gather(*(create(gateway) for _ in range(20)))
    assert {status for status, _, _ in answers} <= {201, 409}
    assert len(counting.asked) == 1


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_transient_errors_are_not_stored(gateway: Gateway, synthesis: Upstream, status: int) -> None:
    async def fail(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.json({"code": "SOME", "message": "Not now."}, status=status)

    synthesis.answer = fail
    assert (await create(gateway))[:2] == (status, "SOME")
    assert (await create(gateway))[:2] == (status, "SOME")
    assert len(synthesis.asked) == 2


async def test_refusals_are_stored(gateway: Gateway, synthesis: Upstream) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.json({"code": "VOICE_NOT_FOUND", "message": "There is no such voice."}, status=404)

    synthesis.answer = refuse
    for _ in range(2):
        assert (await create(gateway))[:2] == (404, "VOICE_NOT_FOUND")
    assert len(synthesis.asked) == 1


async def test_broken_responses_release_the_key(gateway: Gateway, counting: Upstream) -> None:
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


async def test_a_key_is_free_at_the_end_of_a_response_that_is_not_stored(
    gateway: Gateway, synthesis: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stream(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.start(content_type="text/event-stream")
        await exchange.write(b'{"data": 1}')
        await exchange.write(b"", more=False)

    delete = SqliteCollection.delete

    async def delete_late(self: SqliteCollection, where: Any) -> int:
        await asyncio.sleep(0.1)
        return await delete(self, where)

    synthesis.answer = stream
    monkeypatch.setattr(SqliteCollection, "delete", delete_late)
    assert [(await create(gateway))[:2] for _ in range(2)] == [(200, 1), (200, 1)]


async def test_disconnected_clients_find_the_response_later(gateway: Gateway, synthesis: Upstream) -> None:
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


@pytest.fixture
async def uploading(start: Start, counting: Upstream) -> AsyncIterator[Gateway]:
    async with counting.serving() as url, start(voice_url=url) as gateway:
        yield gateway


async def test_uploads_are_compared_by_their_fields_and_files(uploading: Gateway, counting: Upstream) -> None:
    sound = bytes(range(256)) * 1_000
    first = await upload(uploading, sound)
    assert first[0] == 201
    for again in (await upload(uploading, sound, "another-boundary"), await upload(uploading, sound, turned=True)):
        assert (again[1], again[2]["Idempotency-Replayed"]) == (first[1], "true")
    for other in (await upload(uploading, sound + b"."), await upload(uploading, sound, name="You")):
        assert other[:2] == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(counting.asked) == 1
    assert sound in counting.asked[0].body


async def test_services_receive_a_key_of_uploads_per_user_and_key(uploading: Gateway, counting: Upstream) -> None:
    async def fail(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.json({"code": "BUSY", "message": "Not now."}, status=503)

    counting.answer = fail
    for content in (b"sound", b"sound", b"other"):
        assert (await upload(uploading, content))[0] == 503
    first, second, other = [asked.header("idempotency-key") for asked in counting.asked]
    assert first == second == other != "k1"
    assert len(first or "") == 64


async def test_uploads_are_forwarded_while_they_are_digested(uploading: Gateway, counting: Upstream) -> None:
    good, arrived = counting.answer, asyncio.Event()

    async def notice(exchange: Exchange) -> None:
        exchange.asked.body += (await exchange.receive())["body"]
        arrived.set()
        await good(exchange)

    async def slowly() -> AsyncIterator[bytes]:
        yield b'--one\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nfirst'
        await arrived.wait()
        yield b" second\r\n--one--\r\n"

    counting.answer = notice
    assert (await send(uploading, SAMPLES, slowly(), "multipart/form-data; boundary=one"))[0] == 201


async def test_an_upload_in_progress_is_a_conflict_and_a_broken_upload_releases_the_key(
    uploading: Gateway, counting: Upstream
) -> None:
    begun = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield b'--one\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nfirst'
        begun.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(send(uploading, SAMPLES, half(), "multipart/form-data; boundary=one"))
    await begun.wait()
    await eventually(lambda: len(counting.asked) == 1)
    assert (await upload(uploading, b"other"))[:2] == (409, "IDEMPOTENCY_CONFLICT")
    running.cancel()
    await eventually(lambda: _uploaded(uploading))


async def _uploaded(gateway: Gateway) -> bool:
    return bool((await upload(gateway, b"other"))[0] == 201)


async def test_repeated_refusals_have_their_own_request_id(gateway: Gateway, synthesis: Upstream) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.json({"code": "VOICE_NOT_FOUND", "message": "There is no such voice."}, status=404)

    synthesis.answer = refuse
    await create(gateway)
    async with gateway.ask(
        "POST", JOB, headers=gateway.bearer() | {"Idempotency-Key": "k1"}, data=b'{"text_content": "a"}'
    ) as response:
        assert response.headers["Idempotency-Replayed"] == "true"
        assert (await response.json())["request_id"] == response.headers["X-Request-ID"]


@pytest.mark.slow
async def test_keys_are_shared_between_replicas_and_restarts(start: Start, counting: Upstream) -> None:
    async with start() as first, start() as second:
        assert (await create(first))[1] == {"number": 1}
        both = await asyncio.gather(create(first, key="k2"), create(second, key="k2"))
        assert {status for status, _, _ in both} <= {201, 409}
        assert len(counting.asked) == 2
    async with start() as third:
        assert (await create(third))[1] == {"number": 1}
    assert len(counting.asked) == 2


async def test_keys_expire_after_a_day(gateway: Gateway, counting: Upstream, database: Any) -> None:
    await create(gateway)
    store = await database.open("gateway")
    entries = store.collection("idempotency_keys")
    await entries.update_many({}, {"$set": {"created_at": now() - RETENTION}})
    assert (await create(gateway, body='{"text_content": "b"}'))[:2] == (201, {"number": 2})
    await store.close()


async def test_a_crash_releases_the_key_after_the_lease(database: Any) -> None:
    store = await database.open("keys")
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
    await keys.run_once(app, "usr_1", "create_job", scope, receive, send)
    kept = await entry.find_one({})
    assert kept is not None
    # what a process leaves behind that dies in between
    await entry.update_one({"_id": kept["_id"]}, {"$unset": {"status": 1, "headers": 1, "body": 1}})

    with pytest.raises(IdempotencyConflictError):
        await keys.run_once(app, "usr_1", "create_job", scope, receive, send)

    async def taken_over() -> bool:
        with suppress(IdempotencyConflictError):
            await keys.run_once(app, "usr_1", "create_job", scope, receive, send)
            return True
        return False

    await eventually(taken_over, within=5)
    await store.close()
