"""Webhooks of users: create, list, change, delete, and rotate the secret."""

import asyncio
import socket
from typing import Any

import pytest

from echo_common.contracts.system_settings import WEBHOOKS
from echo_common.encryption import DecryptionError
from echo_feedback.domain.webhooks import Webhook
from tests.integration.feedback.conftest import SECRET, FeedbackClient, Start
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.person import data, refusal

URL = "https://93.184.215.14/hooks"


def look_up(host: str, *_: object, **__: object) -> list[Any]:
    """Resolve names in place of the system."""
    addresses = {"database.internal": "10.0.0.5", "localhost": "127.0.0.1", "public.example": "93.184.215.14"}
    if host not in addresses:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")
    return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (addresses[host], 0))]


async def created(client: FeedbackClient, **fields: Any) -> dict[str, Any]:
    """Create a webhook and return it with its secret."""
    body = {"url": URL, "events": ["job.completed", "job.failed"], **fields}
    webhook: dict[str, Any] = data(await client.ask("POST", "/webhooks", json=body), 201)
    return webhook


async def test_a_webhook_is_created_listed_changed_and_deleted(ada: FeedbackClient) -> None:
    answer = await ada.ask(
        "POST", "/webhooks", json={"url": URL, "events": ["job.failed", "job.completed"], "description": " Build "}
    )
    webhook = data(answer, 201)
    assert answer.headers["cache-control"] == "no-store"
    assert webhook.pop("secret").startswith("whsec_")
    assert (webhook["url"], webhook["events"], webhook["description"]) == (URL, ["job.completed", "job.failed"], "Build")
    assert (webhook["enabled"], webhook["disabled_reason"]) == (True, None)
    assert await ada.get("/webhooks") == [webhook]
    assert await ada.get(f"/webhooks/{webhook['id']}") == webhook
    path = f"/webhooks/{webhook['id']}"
    changed = data(await ada.ask("PATCH", path, json={"enabled": False, "description": None, "events": ["voice.ready"]}))
    assert (changed["enabled"], changed["disabled_reason"], changed["description"]) == (False, "user", None)
    assert (changed["events"], changed["url"]) == (["voice.ready"], URL)
    changed = data(await ada.ask("PATCH", path, json={"enabled": True, "url": "https://93.184.215.14/other"}))
    assert (changed["enabled"], changed["disabled_reason"], changed["url"]) == (True, None, "https://93.184.215.14/other")
    data(await ada.ask("DELETE", path))
    assert refusal(await ada.ask("GET", path)) == (404, "WEBHOOK_NOT_FOUND")
    assert await ada.get("/webhooks") == []


async def test_the_history_shows_what_happened_to_webhooks(ada: FeedbackClient) -> None:
    webhook = await created(ada)
    path, token = f"/webhooks/{webhook['id']}", "https://93.184.215.14/hooks?token=of-the-receiver"
    for change in (
        {"enabled": False},
        {"enabled": True},
        {"url": token},
        {"enabled": True, "url": token, "events": ["voice.ready"]},
    ):
        data(await ada.ask("PATCH", path, json=change))
    secret = data(await ada.ask("POST", f"{path}/secret"))["secret"]
    await ada.ask("DELETE", path)
    actions = ("created", "disabled", "enabled", "url_changed", "secret_replaced", "deleted")

    async def recorded() -> bool:
        return len(await ada.get("/users/me/history")) >= len(actions)

    await eventually(recorded)
    entries = await ada.get("/users/me/history", sort_order="asc")
    assert [entry["action_type"] for entry in entries] == [f"webhook_{action}" for action in actions]
    assert {entry["related_id"] for entry in entries} == {webhook["id"]}
    published = b"".join(message.body for message in ada.heard if message.topic.startswith("feedback.webhook_"))
    assert published.count(webhook["id"].encode()) == len(actions)
    for private in (webhook["secret"], secret, "93.184.215.14", "of-the-receiver"):
        assert private.encode() not in published
        assert private not in str(entries)


async def test_webhooks_of_other_users_are_not_found(ada: FeedbackClient, eve: FeedbackClient) -> None:
    webhook = await created(ada)
    path = f"/webhooks/{webhook['id']}"
    delivery = data(await ada.ask("POST", f"{path}/test"), 202)
    calls = [
        ("GET", path, None),
        ("PATCH", path, {"enabled": False}),
        ("DELETE", path, None),
        ("POST", f"{path}/secret", None),
        ("POST", f"{path}/test", None),
        ("GET", f"{path}/deliveries", None),
    ]
    for method, where, body in calls:
        assert refusal(await eve.ask(method, where, json=body)) == (404, "WEBHOOK_NOT_FOUND"), (method, where)
    other = await created(eve)
    for parent in (path, f"/webhooks/{other['id']}"):
        for method, end in (("GET", ""), ("POST", "/replay")):
            where = f"{parent}/deliveries/{delivery['id']}{end}"
            assert refusal(await eve.ask(method, where)) == (404, "DELIVERY_NOT_FOUND")
    assert [found["id"] for found in await eve.get("/webhooks")] == [other["id"]]
    assert (await ada.get(path))["enabled"]


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("http://93.184.215.14/", "https://"),
        ("https://127.0.0.1/", "public address"),
        ("https://localhost/", "public address"),
        ("https://169.254.169.254/latest/meta-data", "public address"),
        ("https://[::ffff:127.0.0.1]/", "public address"),
        ("https://[64:ff9b::7f00:1]/", "public address"),
        ("https://2130706433/", "decimal"),
        ("https://me:secret@example.com/", "user name"),
        ("javascript:alert(1)", "https://"),
        ("", "url"),
    ],
)
async def test_urls_that_are_not_public_are_refused_and_leave_nothing(ada: FeedbackClient, url: str, part: str) -> None:
    answer = await ada.ask("POST", "/webhooks", json={"url": url, "events": ["job.failed"]})
    assert refusal(answer) == (422, "VALIDATION_ERROR")
    [detail] = answer.json()["error"]["details"]
    assert detail["field"] == "url"
    assert part in f"{detail['field']}: {detail['message']}"
    webhook = await created(ada)
    assert refusal(await ada.ask("PATCH", f"/webhooks/{webhook['id']}", json={"url": url})) == (422, "VALIDATION_ERROR")
    assert [found["url"] for found in await ada.get("/webhooks")] == [URL]


@pytest.mark.parametrize(
    "fields",
    [
        {"events": []},
        {"events": ["job.unknown"]},
        {"events": ["job.failed", "job.failed"]},
        {"events": None},
        {"description": "x" * 201},
        {"url": "https://93.184.215.14/" + "x" * 2_048},
        {"secret": "mine"},
    ],
)
async def test_invalid_fields_are_refused(ada: FeedbackClient, fields: dict[str, Any]) -> None:
    body = {"url": URL, "events": ["job.failed"], **fields}
    assert refusal(await ada.ask("POST", "/webhooks", json=body)) == (422, "VALIDATION_ERROR")
    webhook = await created(ada)
    assert refusal(await ada.ask("PATCH", f"/webhooks/{webhook['id']}", json=fields)) == (422, "VALIDATION_ERROR")


async def test_unknown_names_and_those_of_private_addresses_are_refused_alike(
    ada: FeedbackClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    refusals = []
    for host in ("unknown.example", "database.internal", "localhost"):
        for method, path in (("POST", "/webhooks"), ("PATCH", f"/webhooks/{(await created(ada))['id']}")):
            body = {"url": f"https://{host}/", **({"events": ["job.failed"]} if method == "POST" else {})}
            refused = await ada.ask(method, path, json=body)
            refusals.append((refused.status_code, refused.json()["error"]))
    assert refusals == [refusals[0]] * 6
    assert refusals[0][0] == 422
    named = data(await ada.ask("POST", "/webhooks", json={"url": "https://public.example/", "events": ["job.failed"]}), 201)
    assert named["url"] == "https://public.example/"


async def test_names_of_new_urls_are_looked_up_seldom_for_each_user(
    ada: FeedbackClient, eve: FeedbackClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    body = {"url": "https://unknown.example/", "events": ["job.failed"]}
    answers = [await ada.ask("POST", "/webhooks", json=body) for _ in range(9)]
    assert [answer.status_code for answer in answers] == [422] * 8 + [429]
    assert refusal(answers[-1]) == (429, "RATE_LIMITED")
    assert int(answers[-1].headers["retry-after"]) > 0
    await created(ada)  # an address needs no query
    assert (await eve.ask("POST", "/webhooks", json=body)).status_code == 422


async def test_null_is_refused_where_a_field_is_required(ada: FeedbackClient) -> None:
    webhook = await created(ada)
    for name in ("url", "events", "enabled"):
        answer = await ada.ask("PATCH", f"/webhooks/{webhook['id']}", json={name: None})
        assert refusal(answer) == (422, "VALIDATION_ERROR")


async def test_the_number_of_webhooks_is_limited(ada: FeedbackClient, eve: FeedbackClient) -> None:
    ada.deps.live_settings.replace({WEBHOOKS.key: 2})
    await created(ada)
    first = await created(ada)
    body = {"url": URL, "events": ["job.failed"]}
    assert refusal(await ada.ask("POST", "/webhooks", json=body)) == (409, "WEBHOOK_LIMIT_CONFLICT")
    await created(eve)
    await ada.ask("DELETE", f"/webhooks/{first['id']}")
    await created(ada)


async def test_concurrent_requests_for_the_last_place_leave_the_first(
    ada: FeedbackClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.deps.live_settings.replace({WEBHOOKS.key: 2})
    await created(ada)
    add, both = ada.deps.webhooks.add, asyncio.Barrier(2)

    async def add_at_once(webhook: Webhook) -> None:
        await both.wait()  # both have seen the free place
        await add(webhook)
        await both.wait()

    monkeypatch.setattr(ada.deps.webhooks, "add", add_at_once)
    body = {"url": URL, "events": ["job.failed"]}
    answers = await asyncio.gather(*(ada.ask("POST", "/webhooks", json=body) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert len(await ada.get("/webhooks")) == 2


async def test_guests_have_no_webhooks(ada: FeedbackClient) -> None:
    token = ada.issuer.token(sub="usr_guest", scope="account", plan="guest")
    body = {"url": URL, "events": ["job.failed"]}
    answer = await ada.http.post("/webhooks", json=body, headers={"Authorization": f"Bearer {token}"})
    assert refusal(answer) == (403, "GUEST_WEBHOOKS")


async def test_a_token_without_the_scope_is_refused(ada: FeedbackClient) -> None:
    stranger = ada.acting_as("usr_ada", scope="speech:read speech:write")
    assert refusal(await stranger.ask("GET", "/webhooks")) == (403, "FORBIDDEN")


async def test_secrets_are_encrypted_in_the_database_and_shown_once(ada: FeedbackClient, database: Database) -> None:
    webhook = await created(ada)
    rotated = data(await ada.ask("POST", f"/webhooks/{webhook['id']}/secret"))
    assert rotated["secret"] != webhook["secret"]
    shown = await ada.get(f"/webhooks/{webhook['id']}")
    assert shown["previous_secret_expires_at"] == rotated["previous_secret_expires_at"]
    store = await database.open("feedback")
    try:
        stored = [str(document) async for document in store.collection("webhooks").find({})]
    finally:
        await store.close()
    for text in (*stored, str(shown), str(await ada.get("/webhooks"))):
        for secret in (webhook["secret"], rotated["secret"]):
            assert secret.removeprefix("whsec_") not in text


async def test_a_service_with_another_secret_does_not_start(start: Start) -> None:
    async with start() as client:
        await created(client)
    with pytest.raises(DecryptionError, match="ECHO_FEEDBACK_SECRET"):
        async with start(secret=SECRET.get_secret_value().swapcase()):
            pass
