"""System settings in force in a process."""

from typing import Any

import pytest

from echo_common.contracts.system_settings import SYSTEM_SETTINGS, VERIFY_EMAIL, SystemSetting
from echo_common.live_settings import LiveSettings


def test_a_setting_has_its_default_until_it_is_changed() -> None:
    settings = LiveSettings()
    before = settings.get(VERIFY_EMAIL)
    settings.replace({VERIFY_EMAIL.key: True})
    assert (before, settings.get(VERIFY_EMAIL)) == (False, True)
    settings.replace({})
    assert settings.get(VERIFY_EMAIL) is False


def test_values_that_this_version_does_not_know_are_ignored() -> None:
    settings = LiveSettings({"some.future_setting": 1, VERIFY_EMAIL.key: "perhaps"})
    assert settings.get(VERIFY_EMAIL) is False


@pytest.mark.parametrize("key", sorted(SYSTEM_SETTINGS))
def test_every_default_is_a_valid_value(key: str) -> None:
    setting = SYSTEM_SETTINGS[key]
    assert setting.parse(setting.default) == setting.default
    assert setting.description.endswith(".")


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        (SystemSetting("a.b", 5, "A number.", minimum=0, maximum=10), 11, "must be between 0 and 10"),
        (SystemSetting("a.b", 5, "A number.", minimum=0, maximum=10), True, "must be an integer"),
        (SystemSetting("a.b", "x", "A choice.", choices=("x", "y")), "z", "must be one of x, y"),
        (SystemSetting("a.b", False, "A switch."), 0, "must be true or false"),
    ],
)
def test_invalid_values_are_refused(setting: SystemSetting[Any], value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        setting.parse(value)
