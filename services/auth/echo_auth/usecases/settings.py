"""Use cases of the system settings."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import Any

from echo_auth.dependencies import Dependencies
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.domain.settings import ChangedSetting
from echo_common.clock import now
from echo_common.contracts.http.admin import SettingValue, SystemSettingView
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.system_settings import SYSTEM_SETTINGS, SystemSetting
from echo_common.errors import NotFoundError
from echo_common.http.validation import invalid
from echo_common.outbox.repository import StaleError
from echo_common.store.port import DuplicateError

_ATTEMPTS = 20


async def list_settings(deps: Dependencies) -> Sequence[SystemSettingView]:
    """List all system settings by key."""
    changed = {setting.key: setting async for setting in deps.changed_settings.find({})}
    return [_view(setting, changed.get(key), deps) for key, setting in sorted(SYSTEM_SETTINGS.items())]


async def change_settings(
    values: Mapping[str, SettingValue | None], user_id: str, origin: RequestOrigin, deps: Dependencies
) -> None:
    """Change system settings; None sets one back to its default. Raises `ValidationError` before changing any."""
    parsed = _parsed(values)
    for key, value in parsed.items():
        await deps.audit.record(AuditAction.SETTING_CHANGED, actor=user_id, address=origin.address, setting=key, value=value)
        await _change(key, value, user_id, deps)
    deps.live_settings.replace(await load_values(deps))


async def load_values(deps: Dependencies) -> dict[str, SettingValue]:
    """Return the values that differ from the defaults in the code, by key."""
    changed = {setting.key: setting.value async for setting in deps.changed_settings.find({})}
    return {**deps.settings.system_settings, **changed}


def _parsed(values: Mapping[str, SettingValue | None]) -> dict[str, SettingValue | None]:
    parsed: dict[str, SettingValue | None] = {}
    problems = []
    for key, value in values.items():
        try:
            parsed[key] = None if value is None else SYSTEM_SETTINGS[key].parse(value)
        except KeyError:
            problems.append(
                {"field": f"values.{key}", "message": "Unknown system setting; GET /api/v1/admin/config lists them."}
            )
        except ValueError as error:
            problems.append({"field": f"values.{key}", "message": f"The value {error}."})
    if problems:
        raise invalid(problems)
    return parsed


async def _change(key: str, value: SettingValue | None, user_id: str, deps: Dependencies) -> None:
    """Change a setting, again if another administrator sets it for the first time or resets it at the same moment."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            await _change_once(key, value, user_id, deps)
        except (DuplicateError, NotFoundError):
            if attempt == _ATTEMPTS:
                raise StaleError from None
            await asyncio.sleep(random.uniform(0, 0.01 * attempt))  # noqa: S311
        else:
            return


async def _change_once(key: str, value: SettingValue | None, user_id: str, deps: Dependencies) -> None:
    setting = await deps.changed_settings.find_one({"_id": key})
    if setting is None:
        if value is not None:
            await deps.changed_settings.add(ChangedSetting.set(key, value, user_id, now()))
        return
    await deps.changed_settings.update(
        key, lambda found: found.reset() if value is None else found.change(value, user_id, now())
    )


def _view(setting: SystemSetting[Any], changed: ChangedSetting | None, deps: Dependencies) -> SystemSettingView:
    default = deps.settings.system_settings.get(setting.key, setting.default)
    return SystemSettingView(
        key=setting.key,
        value=changed.value if changed else default,
        default=default,
        description=setting.description,
        minimum=setting.minimum,
        maximum=setting.maximum,
        choices=list(setting.choices) or None,
        last_updated=changed.last_updated if changed else None,
        updated_by=changed.updated_by if changed else None,
    )
