"""Inactive accounts are warned, archived and erased, by the system settings."""

from datetime import datetime, timedelta
from typing import Any

from echo_auth.domain.users import User
from echo_auth.retention_schedule import RetentionSchedule
from echo_auth.usecases.retention import apply_retention, find_due_steps
from echo_common.clock import now
from echo_common.contracts.http.mails import MailStatus
from echo_common.store.port import Store
from tests.integration.auth.conftest import Auth
from tests.integration.auth.test_sessions import registered
from tests.integration.auth.test_system_settings import administrator
from tests.integration.auth.test_user_administration import accepted, user_id
from tests.support.eventually import eventually
from tests.support.visitor import Visitor

DAY = timedelta(days=1)


async def configure(admin: Visitor, **days: int) -> None:
    values = {f"retention.{name}": value for name, value in days.items()}
    assert (await admin.call("PUT", "/admin/config", {"values": values})).status == 200


async def steps(auth: Auth, moment: datetime) -> dict[str, str]:
    return {due.user.id: due.step.value async for due in find_due_steps(auth.deps, moment)}


async def guest(auth: Auth) -> str:
    user = User.guest("usr_guest")
    user.record_login(now())
    await auth.deps.users.add(user)
    return user.id


async def test_guests_are_erased_after_thirty_days(auth: Auth) -> None:
    guest_id = await guest(auth)
    assert await steps(auth, now() + 29 * DAY) == {}
    assert await steps(auth, now() + 31 * DAY) == {guest_id: "erase"}

    await apply_retention(auth.deps, now() + 31 * DAY)
    await eventually(lambda: "auth.user_deleted" in auth.facts())
    assert (await auth.deps.users.get(guest_id)).deleted_at is not None
    assert await steps(auth, now() + 31 * DAY) == {}


async def test_users_are_kept_by_default(auth: Auth) -> None:
    await registered(auth)
    assert await steps(auth, now() + 5_000 * DAY) == {}


async def test_users_are_warned_then_archived_then_erased(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    await configure(admin, user_days=100, warning_days=10, archive_days=20)
    ada_id, start = await user_id(ada), now()
    assert await steps(auth, start + 89 * DAY) == {}

    async def apply(day: int) -> list[str]:
        return [due.step.value for due in await apply_retention(auth.deps, start + day * DAY)]

    assert await apply(91) == ["warn"]
    assert await apply(92) == []
    mails = [mail async for mail in auth.deps.mails.find({"user_id": ada_id})]
    assert [(mail.kind.value, mail.email) for mail in mails] == [("retention_warning", "ada@example.com")]

    async def sent() -> bool:
        return (await auth.deps.mails.get(mails[0].id)).status is MailStatus.LOGGED

    await eventually(sent)
    assert await accepted(auth, ada.access_token) is not None
    assert await apply(102) == ["archive"]
    assert await accepted(auth, ada.access_token) is None
    assert (await auth.visitor().log_in("ada@example.com")).code == "ACCOUNT_INACTIVE"
    assert await apply(121) == []
    assert await apply(123) == ["erase"]
    actions = [entry["action"] for entry in (await admin.call("GET", f"/admin/audit?user_id={ada_id}&limit=3")).data]
    assert actions == ["account_deleted", "account_archived", "retention_warned"]


async def test_a_user_who_was_never_warned_is_warned_first(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    await configure(admin, user_days=10, warning_days=5)
    assert await steps(auth, now() + 1_000 * DAY) == {await user_id(ada): "warn"}


async def test_activity_after_a_warning_starts_again(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    await configure(admin, user_days=100, warning_days=10)
    ada_id = await user_id(ada)
    await auth.deps.users.update(ada_id, lambda user: user.warn(now() - DAY))
    await ada.log_in("ada@example.com")
    assert await steps(auth, now() + 50 * DAY) == {}
    assert await steps(auth, now() + 200 * DAY) == {ada_id: "warn"}


async def test_an_archived_user_can_be_activated_again(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    await configure(admin, user_days=100)
    ada_id = await user_id(ada)
    await auth.deps.users.update(ada_id, lambda user: user.archive(now()))
    await admin.call("PATCH", f"/admin/users/{ada_id}", {"is_active": True})
    assert (await auth.visitor().log_in("ada@example.com")).status == 200
    assert await steps(auth, now() + 50 * DAY) == {}


async def test_a_dry_run_lists_accounts_and_changes_nothing(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    guest_id = await guest(auth)

    def age(user: User) -> None:
        user.last_active_date = now() - 31 * DAY

    await auth.deps.users.update(guest_id, age)
    report: dict[str, Any] = (await admin.call("GET", "/admin/retention")).data
    assert report["counts"] == {"erase": 1}
    assert [item["user_id"] for item in report["items"]] == [guest_id]
    assert (await admin.call("GET", "/admin/retention")).data == report

    assert (await admin.call("POST", "/admin/retention")).data["counts"] == {"erase": 1}
    assert (await admin.call("GET", "/admin/retention")).data == {"counts": {}, "items": []}
    assert (await ada.call("GET", "/admin/retention")).code == "FORBIDDEN"
    assert (await ada.call("POST", "/admin/retention")).code == "FORBIDDEN"


async def test_administrators_are_never_treated(auth: Auth) -> None:
    await configure(await administrator(auth), user_days=1, warning_days=1)
    assert await steps(auth, now() + 5_000 * DAY) == {}


async def test_one_replica_runs_retention_once_a_day(store: Store) -> None:
    schedules = store.collection("schedules")
    await schedules.ensure([])
    first, second = RetentionSchedule(schedules), RetentionSchedule(schedules)
    assert [await first.claim(), await second.claim(), await first.claim()] == [True, False, False]
    await schedules.update_one({"_id": "retention"}, {"$set": {"due_at": now()}})
    assert [await second.claim(), await first.claim()] == [True, False]
