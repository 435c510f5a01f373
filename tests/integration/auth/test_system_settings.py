"""Administrators change system settings, which apply in every process without a restart."""

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from echo_auth.settings import AuthSettings
from echo_common.contracts.system_settings import VERIFY_EMAIL
from tests.integration.auth.conftest import SETTINGS, Auth, Start
from tests.integration.auth.test_sessions import registered
from tests.support.eventually import eventually
from tests.support.visitor import Reply, Visitor

KEY = VERIFY_EMAIL.key


async def administrator(auth: Auth) -> Visitor:
    visitor = auth.visitor()
    await visitor.log_in("admin@example.com", "admin password")
    return visitor


def listed(reply: Reply, key: str = KEY) -> dict[str, Any]:
    return next(setting for setting in reply.data if setting["key"] == key)


async def test_a_changed_setting_is_listed_with_its_author_and_default(auth: Auth) -> None:
    admin = await administrator(auth)
    before = listed(await admin.call("GET", "/admin/config"))

    changed = listed(await admin.call("PUT", "/admin/config", {"values": {KEY: True}}))

    assert (before["value"], before["updated_by"]) == (False, None)
    assert (changed["value"], changed["default"]) == (True, False)
    assert changed["updated_by"] == (await admin.me()).data["id"]
    assert listed(await admin.call("GET", "/admin/config")) == changed
    assert "auth.setting_changed" in auth.facts()


async def test_null_restores_the_default(auth: Auth) -> None:
    admin = await administrator(auth)
    await admin.call("PUT", "/admin/config", {"values": {KEY: True}})
    reset = listed(await admin.call("PUT", "/admin/config", {"values": {KEY: None}}))
    assert (reset["value"], reset["last_updated"]) == (False, None)
    assert listed(await admin.call("PUT", "/admin/config", {"values": {KEY: True}}))["value"] is True


async def test_a_change_applies_in_other_replicas(start: Start, auth: Auth) -> None:
    async with start(SETTINGS) as other:
        admin = await administrator(auth)
        await admin.call("PUT", "/admin/config", {"values": {KEY: True}})

        async def applied() -> bool:
            return other.deps.live_settings.get(VERIFY_EMAIL)

        await eventually(applied)


@pytest.mark.parametrize(
    ("values", "field"),
    [({"no.such": 1}, "values.no.such"), ({KEY: 3}, f"values.{KEY}"), ({KEY: True, "no.such": 1}, "values.no.such")],
)
async def test_an_invalid_change_changes_nothing(auth: Auth, values: dict[str, Any], field: str) -> None:
    admin = await administrator(auth)
    refused = await admin.call("PUT", "/admin/config", {"values": values})
    assert (refused.status, refused.code) == (422, "VALIDATION_ERROR")
    assert [problem["field"] for problem in refused.body["error"]["details"]] == [field]
    assert listed(await admin.call("GET", "/admin/config"))["value"] is False


async def test_only_administrators_see_and_change_settings(auth: Auth) -> None:
    ada = await registered(auth)
    assert (await ada.call("GET", "/admin/config")).code == "FORBIDDEN"
    assert (await ada.call("PUT", "/admin/config", {"values": {KEY: True}})).code == "FORBIDDEN"


async def test_two_administrators_may_change_a_setting_at_the_same_time(auth: Auth) -> None:
    admin = await administrator(auth)
    replies = await asyncio.gather(*(admin.call("PUT", "/admin/config", {"values": {KEY: True}}) for _ in range(8)))
    assert {reply.status for reply in replies} == {200}
    assert listed(await admin.call("GET", "/admin/config"))["value"] is True


async def test_a_setting_may_be_changed_while_it_is_reset(auth: Auth) -> None:
    admin = await administrator(auth)
    values = [True, None, False, None, True, None, False, None]
    replies = await asyncio.gather(*(admin.call("PUT", "/admin/config", {"values": {KEY: value}}) for value in values))
    assert {reply.status for reply in replies} == {200}


async def test_the_environment_sets_the_default(start: Start) -> None:
    async with start(SETTINGS.model_copy(update={"system_settings": {KEY: True}})) as auth:
        admin = await administrator(auth)
        setting = listed(await admin.call("GET", "/admin/config"))
        changed = listed(await admin.call("PUT", "/admin/config", {"values": {KEY: False}}))
    assert (setting["value"], setting["default"], changed["value"]) == (True, True, False)


def test_an_unknown_default_is_refused_at_the_start() -> None:
    with pytest.raises(ValidationError, match=r"unknown system setting no\.such"):
        AuthSettings(secret=SecretStr("x" * 32), system_settings={"no.such": 1})
