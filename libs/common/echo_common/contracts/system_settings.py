"""Declarations of the system settings, which an administrator changes while the platform runs.

A service reads the value in force from its `LiveSettings`; auth stores the changes. Settings of one installation or process
(addresses, secrets) are no system settings: they come from the environment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

from echo_common.contracts.values import Metric, Plan

V = TypeVar("V", bool, int, str)


@dataclass(frozen=True, slots=True)
class SystemSetting(Generic[V]):
    """A system setting: its key, default, description, and the range or the choices of its values."""

    key: str
    default: V
    description: str
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()

    def parse(self, value: object) -> V:
        """Return a valid value. Raises `ValueError` with a message for users."""
        kind = type(self.default)
        if type(value) is not kind:
            raise ValueError(f"must be {_KINDS[kind]}")
        if self.choices and value not in self.choices:
            raise ValueError(f"must be one of {', '.join(self.choices)}")
        if kind is int and not self._in_range(value):
            raise ValueError(f"must be between {self.minimum} and {self.maximum}")
        return value

    def _in_range(self, value: Any) -> bool:
        above = self.minimum is None or value >= self.minimum
        return above and (self.maximum is None or value <= self.maximum)


_KINDS: Final = {bool: "true or false", int: "an integer", str: "a string"}

GUESTS = SystemSetting("auth.guests", True, "Let anyone create a guest, an account without address and password.")
VERIFY_EMAIL = SystemSetting(
    "auth.verify_email", False, "Require new users to confirm their email address before they can log in."
)

WEBHOOKS = SystemSetting("limits.webhooks", 10, "Maximum number of webhooks of a user.", minimum=0, maximum=100)
WEBHOOKS_DISABLED_AFTER_DAYS = SystemSetting(
    "webhooks.disabled_after_days",
    5,
    "Days in which all deliveries to a webhook failed, after which it is disabled; 0 disables none.",
    minimum=0,
    maximum=365,
)
API_KEYS = SystemSetting("limits.api_keys", 20, "Maximum number of API keys of a user.", minimum=0, maximum=1_000)


def _requests(key: str, default: int, counted: str) -> SystemSetting[int]:
    description = f"{counted}; 0 disables the limit."
    return SystemSetting(f"limits.{key}.requests_per_minute", default, description, minimum=0, maximum=1_000_000)


REQUESTS_PER_MINUTE: Mapping[Plan, SystemSetting[int]] = MappingProxyType(
    {
        Plan.GUEST: _requests("guest", 20, "Requests per minute of a guest"),
        Plan.USER: _requests("user", 100, "Requests per minute of a user"),
        Plan.PREMIUM: _requests("premium", 1_000, "Requests per minute of a premium user"),
    }
)
ANONYMOUS_REQUESTS = _requests("anonymous", 60, "Requests per minute of an address without a valid credential")
CREDENTIAL_REQUESTS = _requests(
    "credentials",
    10,
    "Requests per minute of an address that log in, register or otherwise carry or obtain credentials, counted separately",
)

_QUOTAS: Mapping[Metric, tuple[str, tuple[int, int, int]]] = {
    Metric.SYNTHESES: ("Syntheses per day", (20, 1_000, 10_000)),
    Metric.CHARACTERS: ("Characters synthesised per day", (20_000, 2_000_000, 20_000_000)),
    Metric.AUDIO_SECONDS: ("Seconds of audio synthesised per day", (3_600, 200_000, 2_000_000)),
    Metric.UPLOADS: ("Uploaded samples per day", (10, 100, 1_000)),
    Metric.MESSAGES: ("Messages to echos per day", (50, 1_000, 10_000)),
    Metric.QUEUED_JOBS: ("Pending syntheses at a time", (5, 1_000, 10_000)),
    Metric.STORAGE_BYTES: ("Bytes of stored audio, for syntheses and for samples each", (2**28, 10 * 2**30, 100 * 2**30)),
}
"""Descriptions of the quotas, and their defaults for guests, users and premium users."""


def _quota(metric: Metric, plan: Plan, what: str, default: int) -> SystemSetting[int]:
    name = f"{metric.value}_per_day" if metric.daily else metric.value
    description = f"{what} of a user with the plan {plan.value}; 0 disables the limit."
    return SystemSetting(f"limits.{plan.value}.{name}", default, description, minimum=0, maximum=2**53 - 1)


QUOTAS: Mapping[Metric, Mapping[Plan, SystemSetting[int]]] = MappingProxyType(
    {
        metric: MappingProxyType(
            {plan: _quota(metric, plan, what, default) for plan, default in zip(Plan, defaults, strict=True)}
        )
        for metric, (what, defaults) in _QUOTAS.items()
    }
)
"""Quotas by metric and plan."""
EXPORT_KEEP_DAYS = SystemSetting(
    "export.keep_days", 7, "Days after which the archive of an export is deleted.", minimum=1, maximum=365
)
EXPORT_MAX_BYTES = SystemSetting(
    "export.max_bytes",
    24 * 2**30,
    "Maximum size of an export in bytes; 0 disables the limit.",
    minimum=0,
    maximum=2**53 - 1,
)
EXPORT_MAX_MINUTES = SystemSetting(
    "export.max_minutes", 240, "Minutes after which an attempt at an export fails.", minimum=1, maximum=10_000
)
RETENTION_GUEST_DAYS = SystemSetting(
    "retention.guest_days",
    30,
    "Days without activity after which a guest is erased; 0 keeps guests.",
    minimum=0,
    maximum=10_000,
)
RETENTION_USER_DAYS = SystemSetting(
    "retention.user_days",
    0,
    "Days without activity after which a warned user is archived: logged out and deactivated; 0 keeps users.",
    minimum=0,
    maximum=10_000,
)
RETENTION_WARNING_DAYS = SystemSetting(
    "retention.warning_days", 14, "Days between the warning of an inactive user and the archival.", minimum=1, maximum=1_000
)
RETENTION_ARCHIVE_DAYS = SystemSetting(
    "retention.archive_days", 30, "Days after which an archived user is erased.", minimum=1, maximum=10_000
)
RETENTION_HISTORY_DAYS = SystemSetting(
    "retention.history_days",
    365,
    "Days after which an entry of the usage history is deleted; 0 keeps all entries.",
    minimum=0,
    maximum=10_000,
)
RETENTION_USAGE_DAYS = SystemSetting(
    "retention.usage_days",
    365,
    "Days after which the API usage of a day is deleted; 0 keeps all of it.",
    minimum=0,
    maximum=10_000,
)
RETENTION_ERRORS_DAYS = SystemSetting(
    "retention.errors_days",
    90,
    "Days after which an entry of the error log is deleted; 0 keeps all entries.",
    minimum=0,
    maximum=10_000,
)
RETENTION_STATISTICS_DAYS = SystemSetting(
    "retention.statistics_days",
    730,
    "Days after which the statistics of an hour are deleted; 0 keeps all of them.",
    minimum=0,
    maximum=10_000,
)

SHORTEST_RETENTION_DELIVERIES_DAYS = 3
RETENTION_DELIVERIES_DAYS = SystemSetting(
    "retention.deliveries_days",
    14,
    "Days after which a delivery to a webhook is deleted, counted from its event; applies to later events.",
    minimum=SHORTEST_RETENTION_DELIVERIES_DAYS,
    maximum=365,
)

WATERMARK = SystemSetting(
    "synthesis.watermark",
    True,
    "Put an inaudible watermark into cloned speech, by which POST /voice/verify recognises it; applies to speech that starts later.",
)

_ALL: Sequence[SystemSetting[Any]] = (
    ANONYMOUS_REQUESTS,
    API_KEYS,
    CREDENTIAL_REQUESTS,
    EXPORT_KEEP_DAYS,
    EXPORT_MAX_BYTES,
    EXPORT_MAX_MINUTES,
    GUESTS,
    RETENTION_ARCHIVE_DAYS,
    RETENTION_DELIVERIES_DAYS,
    RETENTION_ERRORS_DAYS,
    RETENTION_GUEST_DAYS,
    RETENTION_HISTORY_DAYS,
    RETENTION_STATISTICS_DAYS,
    RETENTION_USAGE_DAYS,
    RETENTION_USER_DAYS,
    RETENTION_WARNING_DAYS,
    VERIFY_EMAIL,
    WATERMARK,
    WEBHOOKS,
    WEBHOOKS_DISABLED_AFTER_DAYS,
    *REQUESTS_PER_MINUTE.values(),
    *(setting for by_plan in QUOTAS.values() for setting in by_plan.values()),
)
SYSTEM_SETTINGS: Mapping[str, SystemSetting[Any]] = MappingProxyType({setting.key: setting for setting in _ALL})
"""All system settings by key."""
