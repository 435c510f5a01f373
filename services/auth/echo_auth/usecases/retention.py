"""Use cases of retention: inactive accounts are warned, archived and erased."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from echo_auth.dependencies import Dependencies
from echo_auth.domain.mails import OutgoingMail
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.domain.users import User
from echo_auth.usecases.erasures import delete_account
from echo_auth.usecases.mails import queue_mail
from echo_common.clock import now
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.auth import LOCAL_USER_ID
from echo_common.contracts.http.mails import MailKind
from echo_common.contracts.http.retention import RetentionStep
from echo_common.contracts.system_settings import (
    RETENTION_ARCHIVE_DAYS,
    RETENTION_GUEST_DAYS,
    RETENTION_USER_DAYS,
    RETENTION_WARNING_DAYS,
)
from echo_common.contracts.values import Plan, Role


@dataclass(frozen=True, slots=True)
class DueStep:
    """A step that is due for a user."""

    user: User
    step: RetentionStep


@dataclass(frozen=True, slots=True)
class RetentionPeriods:
    """Days of inactivity after which guests and users are treated; 0 disables the treatment."""

    guest_days: int
    user_days: int
    warning_days: int
    archive_days: int

    @classmethod
    def in_force(cls, deps: Dependencies) -> "RetentionPeriods":
        """Return the periods that the system settings state."""
        live = deps.live_settings
        return cls(
            live.get(RETENTION_GUEST_DAYS),
            live.get(RETENTION_USER_DAYS),
            live.get(RETENTION_WARNING_DAYS),
            live.get(RETENTION_ARCHIVE_DAYS),
        )

    def step(self, user: User, moment: datetime) -> RetentionStep | None:
        """Return the step that is due for a user; administrators and the local user are never treated."""
        if user.role is Role.ADMIN or user.id == LOCAL_USER_ID or user.deleted_at is not None:
            return None
        active = user.last_active_date or user.created_at
        if user.plan is Plan.GUEST:
            return RetentionStep.ERASE if self.guest_days and active < moment - timedelta(self.guest_days) else None
        if not self.user_days:
            return None
        if user.archived_at is not None:
            return RetentionStep.ERASE if user.archived_at < moment - timedelta(self.archive_days) else None
        if not user.is_active or active >= moment - timedelta(max(0, self.user_days - self.warning_days)):
            return None
        if user.warned_at is None or user.warned_at < active:
            return RetentionStep.WARN
        warned_long_ago = user.warned_at <= moment - timedelta(self.warning_days)
        return RetentionStep.ARCHIVE if warned_long_ago and active < moment - timedelta(self.user_days) else None


async def find_due_steps(deps: Dependencies, moment: datetime | None = None) -> AsyncIterator[DueStep]:
    """Yield the steps that are due at a moment, by default now, and change nothing."""
    at, periods = moment or now(), RetentionPeriods.in_force(deps)
    async for user in deps.users.find({"role": Role.USER.value}, sort=[("last_active_date", 1)]):
        if (step := periods.step(user, at)) is not None:
            yield DueStep(user, step)


async def apply_retention(deps: Dependencies, moment: datetime | None = None) -> list[DueStep]:
    """Perform the steps that are due and return them. A user who became active meanwhile is left alone."""
    at = moment or now()
    return [due for due in [due async for due in find_due_steps(deps, at)] if await _perform(due, at, deps)]


async def _perform(due: DueStep, at: datetime, deps: Dependencies) -> bool:
    user = await deps.users.find_one({"_id": due.user.id})
    if user is None or RetentionPeriods.in_force(deps).step(user, at) is not due.step:
        return False
    match due.step:
        case RetentionStep.WARN:
            await deps.audit.record(AuditAction.RETENTION_WARNED, target=user.id)
            if user.email is not None:
                mail = OutgoingMail.request(MailKind.RETENTION_WARNING, user.email, "en", now(), user_id=user.id)
                await queue_mail(mail, deps)
            await deps.users.update(user.id, lambda held: held.warn(at))
        case RetentionStep.ARCHIVE:
            await deps.audit.record(AuditAction.ACCOUNT_ARCHIVED, target=user.id)
            await deps.users.update(user.id, lambda held: held.archive(at))
        case RetentionStep.ERASE:
            await delete_account(user, None, RequestOrigin(), deps)
    return True
