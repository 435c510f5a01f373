"""Warnings of environment settings that system settings have replaced."""

import os
from collections.abc import Mapping

import structlog
from dotenv import dotenv_values


def warn_of_replaced_settings(replaced: Mapping[str, str]) -> None:
    """Log a warning for each environment setting that is set but has no effect any more.

    Args:
        replaced: Keys of the system settings by the names of the environment settings.
    """
    known = {**dotenv_values(".env"), **os.environ}
    for name, key in replaced.items():
        if known.get(name):
            structlog.get_logger("echo.settings").warning(
                "setting_ignored",
                setting=name,
                use=f"the system setting {key}: PUT /api/v1/admin/config, ECHO_AUTH_SYSTEM_SETTINGS",
            )
