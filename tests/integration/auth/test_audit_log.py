"""The audit log records who did what, and every later change of it is found."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from echo_auth.audit_log import AuditLog
from echo_auth.handlers import record_webhook_action
from echo_common.contracts.events.feedback import (
    WebhookCreated,
    WebhookDeleted,
    WebhookDisabled,
    WebhookEnabled,
    WebhookSecretReplaced,
    WebhookUrlChanged,
)
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.webhooks import DisabledReason
from echo_common.contracts.system_settings import VERIFY_EMAIL, WATERMARK
from echo_common.store.port import Collection, Store, StoreUnavailableError
from tests.integration.auth.conftest import SETTINGS, Auth, Start
from tests.integration.auth.test_sessions import registered
from tests.integration.auth.test_system_settings import KEY, administrator
from tests.support.eventually import eventually

SECRET = SETTINGS.secret.get_secret_value()
ENTRIES = 5

Tamper = Callable[[Collection, Collection], Awaitable[object]]


def entry_id(sequence: int) -> dict[str, str]:
    return {"_id": f"{sequence:016d}"}


async def swap(entries: Collection, _: Collection) -> None:
    first, second = await entries.find_one(entry_id(2)), await entries.find_one(entry_id(3))
    assert first is not None
    assert second is not None
    for place, content in ((2, second), (3, first)):
        fields = {name: value for name, value in content.items() if name != "_id"}
        await entries.update_one(entry_id(place), {"$set": fields})


async def cut(entries: Collection, heads: Collection) -> None:
    last = await entries.find_one(entry_id(ENTRIES - 1))
    assert last is not None
    await entries.delete(entry_id(ENTRIES))
    await heads.update_one({"_id": "head"}, {"$set": {"sequence": ENTRIES - 1, "hash": last["hash"]}})


TAMPERING: dict[str, tuple[Tamper, list[tuple[int, str]]]] = {
    "edit": (lambda entries, _: entries.update_one(entry_id(2), {"$set": {"actor": "somebody"}}), [(2, "edited")]),
    "edit of details": (lambda entries, _: entries.update_one(entry_id(2), {"$set": {"details": {}}}), [(2, "edited")]),
    "removal of a field": (lambda entries, _: entries.update_one(entry_id(4), {"$unset": {"at": ""}}), [(4, "edited")]),
    "deletion": (lambda entries, _: entries.delete(entry_id(3)), [(3, "missing")]),
    "deletion of the first": (lambda entries, _: entries.delete(entry_id(1)), [(1, "missing")]),
    "deletion of the last": (lambda entries, _: entries.delete(entry_id(5)), [(5, "missing")]),
    "deletion of all": (lambda entries, _: entries.delete({}), [(place, "missing") for place in range(1, 6)]),
    "exchange": (swap, [(2, "edited"), (3, "edited"), (4, "edited")]),
    "deletion of the last and of its trace": (cut, [(4, "edited")]),
    "deletion of the head": (lambda _, heads: heads.delete({}), [(1, "missing")]),
}


@pytest.fixture
async def log(store: Store) -> AuditLog:
    log = await AuditLog.open(store, SECRET)
    for number in range(ENTRIES):
        await log.record(AuditAction.LOGGED_IN, actor="usr_ada", address="203.0.113.7", number=number)
    return log


async def test_an_untouched_log_is_intact(log: AuditLog, store: Store) -> None:
    verified = await (await AuditLog.open(store, SECRET)).verify()
    assert (verified.entries, verified.head.sequence, list(verified.problems)) == (ENTRIES, ENTRIES, [])


@pytest.mark.parametrize("kind", TAMPERING)
async def test_every_change_of_the_log_is_found(log: AuditLog, store: Store, kind: str) -> None:
    tamper, problems = TAMPERING[kind]
    await tamper(store.collection("audit_log"), store.collection("audit_head"))
    restarted = await AuditLog.open(store, SECRET)
    assert list((await restarted.verify()).problems) == problems

    await restarted.record(AuditAction.LOGGED_OUT, actor="usr_ada")
    assert (await restarted.verify()).problems


async def test_a_truncation_is_found_by_a_noted_hash_or_by_a_running_process(log: AuditLog, store: Store) -> None:
    noted = (await log.verify()).head
    await store.collection("audit_log").delete({})
    await store.collection("audit_head").delete({})
    assert (await log.verify()).problems
    restarted = await AuditLog.open(store, SECRET)
    assert not (await restarted.verify()).problems
    assert (await restarted.verify(noted)).problems
    for _ in range(ENTRIES):
        await restarted.record(AuditAction.LOGGED_IN, actor="usr_eve")
    assert list((await restarted.verify(noted)).problems) == [(ENTRIES, "foreign")]


async def test_a_chain_computed_without_the_secret_is_found(log: AuditLog, store: Store) -> None:
    forger = await AuditLog.open(store, "another secret of 32 characters!")
    await forger.record(AuditAction.LOGGED_IN, actor="usr_ada")
    assert (ENTRIES + 1, "edited") in (await log.verify()).problems


async def test_replicas_append_to_one_chain(log: AuditLog, store: Store) -> None:
    other = await AuditLog.open(store, SECRET)
    await asyncio.gather(*(one.record(AuditAction.LOGGED_IN, actor="usr_ada") for one in (log, other) for _ in range(10)))
    verified = await log.verify()
    assert (verified.entries, list(verified.problems)) == (ENTRIES + 20, [])


async def test_entries_name_users_by_pseudonym_and_addresses_by_network(log: AuditLog, store: Store) -> None:
    await log.record(AuditAction.LOGGED_IN, actor="usr_ada", address="2001:db8:1:2::3")
    stored = [document async for document in store.collection("audit_log").find({}, sort=[("_id", 1)])]
    assert [document["network"] for document in stored[-2:]] == ["203.0.113.0/24", "2001:db8:1::/48"]
    assert {document["actor"] for document in stored} == {log.pseudonym("usr_ada")}
    assert "usr_ada" not in str(stored)


async def test_actions_of_users_and_administrators_are_recorded(auth: Auth) -> None:
    admin = await administrator(auth)
    ada = await registered(auth)
    ada_id = (await ada.me()).data["id"]
    assert (await auth.visitor().log_in("ada@example.com", "wrong password")).status == 401
    await ada.log_out()
    await admin.call("PUT", "/admin/config", {"values": {KEY: True}})

    entries = (await admin.call("GET", f"/admin/audit?user_id={ada_id}&sort_order=asc")).data
    assert [entry["action"] for entry in entries] == ["registered", "logged_in", "login_refused", "logged_out"]
    changed = (await admin.call("GET", "/admin/audit?action=setting_changed")).data
    assert [entry["details"] for entry in changed] == [{"setting": KEY, "value": True}]
    assert changed[0]["actor"] == auth.deps.audit.pseudonym((await admin.me()).data["id"])


async def test_who_switched_the_watermark_off_is_recorded(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    values = {"values": {WATERMARK.key: False}}
    assert (await ada.call("PUT", "/admin/config", values)).code == "FORBIDDEN"
    await admin.call("PUT", "/admin/config", values)
    (changed,) = (await admin.call("GET", "/admin/audit?action=setting_changed")).data
    assert changed["details"] == {"setting": WATERMARK.key, "value": False}
    assert changed["actor"] == auth.deps.audit.pseudonym((await admin.me()).data["id"])


async def test_actions_on_webhooks_are_recorded_from_their_events_once(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    ids = {"webhook_id": "whk_1", "user_id": (await ada.me()).data["id"]}
    events = [
        WebhookCreated(**ids),
        WebhookUrlChanged(**ids),
        WebhookSecretReplaced(**ids),
        WebhookDisabled(**ids, reason=DisabledReason.USER),
        WebhookEnabled(**ids),
        WebhookDisabled(**ids, reason=DisabledReason.GONE),
        WebhookDeleted(**ids),
    ]
    for event in events:
        await auth.receive(event, event)
        await auth.receive(event)

    async def recorded() -> bool:
        return len((await admin.call("GET", f"/admin/audit?user_id={ids['user_id']}")).data) >= 2 + len(events)

    await eventually(recorded)
    entries = (await admin.call("GET", f"/admin/audit?user_id={ids['user_id']}&sort_order=asc")).data[2:]
    own = auth.deps.audit.pseudonym(ids["user_id"])
    assert [(entry["action"], entry["actor"], entry["details"].get("reason")) for entry in entries] == [
        ("webhook_created", own, None),
        ("webhook_url_changed", own, None),
        ("webhook_secret_replaced", own, None),
        ("webhook_disabled", own, "user"),
        ("webhook_enabled", own, None),
        ("webhook_disabled", None, "gone"),
        ("webhook_deleted", own, None),
    ]
    assert {(entry["target"], entry["details"]["webhook_id"]) for entry in entries} == {(own, "whk_1")}
    assert (await admin.call("GET", "/admin/audit/verification")).data["intact"]


async def test_an_event_that_replicas_handle_at_once_is_recorded_once(log: AuditLog, store: Store) -> None:
    """Also if a replica ended between the entry and the mark of its inbox."""
    other = await AuditLog.open(store, SECRET)
    events = [WebhookCreated(webhook_id=f"whk_{number}", user_id="usr_ada") for number in range(5)]
    await asyncio.gather(
        *(one.record(AuditAction.WEBHOOK_CREATED, event=event) for event in events for one in (log, other, log))
    )
    verified = await other.verify()
    assert (verified.entries, list(verified.problems)) == (ENTRIES + len(events), [])


async def test_the_entry_of_an_event_has_its_time(auth: Auth) -> None:
    admin = await administrator(auth)
    event = WebhookSecretReplaced(webhook_id="whk_1", user_id="usr_ada", occurred_at=datetime(2026, 1, 31, 10, tzinfo=UTC))
    await record_webhook_action(event, auth.deps)
    await record_webhook_action(event, auth.deps)
    (entry,) = (await admin.call("GET", "/admin/audit?action=webhook_secret_replaced")).data
    assert entry["details"] == {"webhook_id": "whk_1", "event_id": event.event_id, "occurred_at": "2026-01-31T10:00:00Z"}
    assert entry["at"] > "2026-02"


async def test_an_action_without_its_entry_does_not_happen(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    admin, ada = await administrator(auth), await registered(auth)

    async def unavailable(*_: object, **__: object) -> None:
        raise StoreUnavailableError

    with monkeypatch.context() as patch:
        patch.setattr(auth.deps.audit, "record", unavailable)
        assert (await admin.call("PUT", "/admin/config", {"values": {KEY: True}})).status == 503
        assert (await ada.log_out()).status == 503
        assert (await auth.visitor().register("eve@example.com")).status == 503
    assert not auth.deps.live_settings.get(VERIFY_EMAIL)
    assert (await ada.me()).status == 200
    assert (await auth.visitor().log_in("eve@example.com")).status == 401


async def test_entries_are_listed_by_page_and_time(auth: Auth) -> None:
    admin = await administrator(auth)
    page = await admin.call("GET", "/admin/audit?limit=1")
    assert [entry["action"] for entry in page.data] == ["logged_in"]
    assert page.body["meta"]["pagination"]["total_count"] == 2
    at = page.data[0]["at"]
    assert (await admin.call("GET", f"/admin/audit?to={at}")).body["meta"]["pagination"]["total_count"] == 1
    assert (await admin.call("GET", f"/admin/audit?from={at}")).body["meta"]["pagination"]["total_count"] == 1

    for query in ("from=0001-01-01T00:00:00%2B14:00", "to=9999-12-31T23:59:59-14:00", f"from={at}&to={at}"):
        refused = await admin.call("GET", f"/admin/audit?{query}")
        assert (refused.status, refused.code) == (422, "VALIDATION_ERROR"), query


async def test_reuse_of_a_refresh_token_is_recorded(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    old = ada.refresh_token
    await ada.refresh()
    await ada.refresh()
    assert (await auth.visitor().refresh(old)).status == 401
    assert len((await admin.call("GET", "/admin/audit?action=refresh_token_reused")).data) == 1


async def test_administrators_verify_the_log(auth: Auth, start: Start) -> None:
    admin = await administrator(auth)
    verified = (await admin.call("GET", "/admin/audit/verification")).data
    noted = f"sequence={verified['sequence']}&hash={verified['hash']}"
    assert verified["intact"]
    assert (await admin.call("GET", f"/admin/audit/verification?{noted}")).data["intact"]
    assert (await admin.call("GET", f"/admin/audit/verification?sequence=1&hash={'0' * 64}")).data["problems"]
    assert (await admin.call("GET", "/admin/audit/verification?sequence=1")).status == 422
    ada = await registered(auth)
    for path in ("/admin/audit", "/admin/audit/verification"):
        assert (await ada.call("GET", path)).code == "FORBIDDEN"
