"""The gateway counts requests by user, endpoint and hour, and publishes the counts in batches."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from echo_common.auth.principal import Principal, Scope
from echo_common.bus.delivery import encode
from echo_common.bus.port import Consumer, Done, Message, Outcome
from echo_common.contracts.events.auth import UserDeleted
from echo_common.contracts.events.gateway import EndpointUse, RequestServed
from echo_common.contracts.system_settings import QUOTAS
from echo_common.contracts.values import Metric, Plan, Role
from echo_common.ids import new_id
from echo_common.store.port import StoreUnavailableError
from echo_gateway import request_counts
from tests.integration.gateway.conftest import Gateway, Start
from tests.support.eventually import eventually
from tests.support.upstream import Upstream

VOICES = "GET /api/v1/voices"
ADA = Principal("usr_ada", "ses_1", Plan.USER, Role.USER, frozenset(Scope))


async def listening(gateway: Gateway) -> list[EndpointUse]:
    """Return the uses that the gateway publishes from now on."""
    heard: list[EndpointUse] = []

    async def listen(message: Message) -> Outcome:
        heard.extend(RequestServed.model_validate_json(message.body).uses)
        return Done()

    await gateway.bus.consume(Consumer(new_id("test"), [RequestServed.topic], listen, transient=True))
    return heard


def counted(uses: list[EndpointUse]) -> Counter[tuple[str | None, str]]:
    found: Counter[tuple[str | None, str]] = Counter()
    for use in uses:
        found[use.user_id, use.endpoint] += use.requests
    return found


async def ask(gateway: Gateway, method: str, path: str, *, sub: str | None = "usr_ada", **more: Any) -> int:
    headers = {} if sub is None else gateway.bearer(sub=sub)
    async with gateway.ask(method, path, headers=headers, **more) as response:
        await response.read()
        return int(response.status)


async def test_requests_are_counted_by_user_and_endpoint(gateway: Gateway, synthesis: Upstream) -> None:
    heard = await listening(gateway)
    synthesis.answer = lambda exchange: exchange.json([])
    for _ in range(3):
        assert await ask(gateway, "GET", "/api/v1/voices") == 200
    await ask(gateway, "GET", "/api/v1/voices/secret-voice", sub="usr_eve")
    await ask(gateway, "GET", "/api/v1/voices", sub=None)
    await ask(gateway, "GET", "/api/v1/no/such/path", sub=None)
    await ask(gateway, "PROPFIND", "/api/v1/voices", sub=None)
    await ask(gateway, "GET", "/healthz")
    await gateway.deps.request_counts.events.flush()
    expected = {
        ("usr_ada", VOICES): 3,
        ("usr_eve", "GET /api/v1/voices/{voice_id}"): 1,
        (None, VOICES): 1,
        (None, "GET unmatched"): 1,
        (None, "OTHER unmatched"): 1,
    }
    await eventually(lambda: counted(heard) == expected)
    use = next(use for use in heard if use.user_id == "usr_ada")
    moment = datetime.now(UTC)
    assert use.hour.minute == use.hour.second == use.hour.microsecond == 0
    assert abs((moment - use.last_request).total_seconds()) < 60
    assert (use.client_errors, use.server_errors, use.daily_limit) == (0, 0, None)
    assert next(use for use in heard if use.endpoint == VOICES and use.user_id is None).client_errors == 1


async def test_errors_and_refused_requests_are_counted(start: Start, synthesis: Upstream) -> None:
    async with start(limit_user=2) as gateway:
        heard = await listening(gateway)
        synthesis.answer = lambda exchange: exchange.json({"code": "INTERNAL_ERROR", "message": "No."}, 500)
        statuses = [await ask(gateway, "GET", "/api/v1/voices") for _ in range(3)]
        assert statuses == [500, 500, 429]
        await gateway.deps.request_counts.events.flush()

        def errors(endpoint: str) -> tuple[int, int]:
            uses = [use for use in heard if use.endpoint == endpoint]
            return sum(use.client_errors for use in uses), sum(use.server_errors for use in uses)

        await eventually(lambda: (errors(VOICES), errors("GET unmatched")) == ((0, 2), (1, 0)))


async def test_counts_carry_the_daily_limit_of_the_plan(gateway: Gateway, synthesis: Upstream) -> None:
    heard = await listening(gateway)
    synthesis.answer = lambda exchange: exchange.json({})
    await ask(gateway, "POST", "/api/v1/tts/synthesize", json={"text": "Hello."})
    await gateway.deps.request_counts.events.flush()
    await eventually(lambda: len(heard) == 1)
    assert heard[0].daily_limit == QUOTAS[Metric.SYNTHESES][Plan.USER].default


async def test_counts_are_published_at_the_stop(start: Start, synthesis: Upstream) -> None:
    synthesis.answer = lambda exchange: exchange.json([])
    async with start() as gateway:
        heard = await listening(gateway)
        await ask(gateway, "GET", "/api/v1/voices")
        publishing = gateway.deps.request_counts.events.publishing(every=3600)
        await publishing.__aenter__()
        await publishing.__aexit__(None, None, None)
        await eventually(lambda: counted(heard) == {("usr_ada", VOICES): 1})


async def test_counts_survive_an_outage_of_the_database_and_are_published_once(
    gateway: Gateway, synthesis: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = await listening(gateway)
    synthesis.answer = lambda exchange: exchange.json([])
    counts = gateway.deps.request_counts
    documents = counts.events._batches._documents
    insert = documents.insert

    async def write_and_fail(document: dict[str, Any]) -> None:
        await insert(document)
        raise StoreUnavailableError

    await ask(gateway, "GET", "/api/v1/voices")
    monkeypatch.setattr(documents, "insert", write_and_fail)
    with pytest.raises(StoreUnavailableError):
        await counts.events.flush()
    monkeypatch.undo()
    await ask(gateway, "GET", "/api/v1/voices")
    await counts.events.flush()
    await eventually(lambda: counted(heard)["usr_ada", VOICES] >= 2)
    assert counted(heard) == {("usr_ada", VOICES): 2}


async def test_the_number_of_counts_is_bounded(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = gateway.deps.request_counts
    monkeypatch.setattr(request_counts, "MAXIMUM_KEYS", 10)
    monkeypatch.setattr(request_counts, "FLUSH_KEYS", 10)
    principals = [replace(ADA, user_id=f"usr_{number}") for number in range(50)]
    for principal in principals:
        counts.count("GET", "/api/v1/voices", principal, 200)
    assert len(counts._counts) == 11
    assert sum(count.requests for count in counts._counts.values()) == 50


async def test_a_deleted_user_is_removed_from_events_that_could_not_be_published(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = await listening(gateway)
    counts = gateway.deps.request_counts
    publish = counts.events._batches.publish

    async def fail(events: Sequence[RequestServed]) -> None:
        raise StoreUnavailableError

    monkeypatch.setattr(counts.events._batches, "publish", fail)
    counts.count("GET", "/api/v1/voices", ADA, 200)
    with pytest.raises(StoreUnavailableError):
        await counts.events.flush()
    counts.count("GET", "/api/v1/voices", ADA, 200)
    await gateway.bus.publish([encode(UserDeleted(user_id="usr_ada"))])  # every replica receives it

    async def forgotten() -> bool:
        return all(key[1] is None for key in counts._counts)

    await eventually(forgotten)
    monkeypatch.setattr(counts.events._batches, "publish", publish)
    await counts.events.flush()
    await eventually(lambda: counted(heard) == {(None, VOICES): 2})


async def test_a_deleted_user_is_forgotten_and_remains_in_the_totals(gateway: Gateway) -> None:
    heard = await listening(gateway)
    counts = gateway.deps.request_counts
    counts.count("GET", "/api/v1/voices", ADA, 200)
    counts.count("GET", "/api/v1/voices", None, 401)
    counts.forget("usr_ada")
    await counts.events.flush()
    await eventually(lambda: counted(heard) == {(None, VOICES): 2})
