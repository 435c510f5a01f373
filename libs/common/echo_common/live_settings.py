"""Values of the system settings in force in this process."""

import asyncio
from collections.abc import Mapping
from typing import TypeVar

from echo_common.contracts.system_settings import SYSTEM_SETTINGS, SystemSetting

V = TypeVar("V", bool, int, str)


class LiveSettings:
    """The system settings in force: those that differ from their defaults come from auth, in the trust document.

    Read a value at each use, because an administrator may change it at any time.
    """

    def __init__(self, values: Mapping[str, bool | int | str] | None = None) -> None:
        self._values: dict[str, bool | int | str] = {}
        self._known = asyncio.Event()
        if values is not None:
            self.replace(values)

    def get(self, setting: SystemSetting[V]) -> V:
        """Return the value in force."""
        value: V = self._values.get(setting.key, setting.default)  # type: ignore[assignment]  # parsed by the same setting
        return value

    def replace(self, values: Mapping[str, bool | int | str]) -> None:
        """Replace all values that differ from their defaults; keys and values unknown to this version are ignored."""
        known = {}
        for key, value in values.items():
            try:
                known[key] = SYSTEM_SETTINGS[key].parse(value)
            except (KeyError, ValueError):
                continue
        self._values = known
        self._known.set()

    async def wait_until_known(self) -> None:
        """Wait for the values of an administrator; until auth has responded for the first time, the defaults are in force."""
        await self._known.wait()
