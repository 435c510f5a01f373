"""Endpoints for the retention of inactive accounts."""

from collections import Counter
from collections.abc import Sequence

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps
from echo_auth.usecases import retention
from echo_auth.usecases.retention import DueStep
from echo_common.auth.dependencies import Administrator
from echo_common.contracts.http.retention import RetentionItem, RetentionReport
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok

_LISTED = 100

router = PublicRouter("admin")


@router.endpoint("GET", "/admin/retention", example=enveloped(examples.RETENTION))
async def preview_inactive_users(_: Administrator, deps: Deps) -> Success[RetentionReport]:
    """List the inactive accounts that are due to be warned, archived or erased; change nothing."""
    return ok(_report([due async for due in retention.due_steps(deps)]))


@router.endpoint("POST", "/admin/retention", idempotent=True, example=enveloped(examples.RETENTION))
async def process_inactive_users(_: Administrator, deps: Deps) -> Success[RetentionReport]:
    """Warn, archive and erase the inactive accounts that are due; the platform does so once a day."""
    return ok(_report(await retention.apply_retention(deps)))


def _report(due: Sequence[DueStep]) -> RetentionReport:
    items = [RetentionItem(user_id=one.user.id, step=one.step, last_active_date=one.user.last_active_date) for one in due]
    return RetentionReport(counts=dict(Counter(one.step for one in due)), items=items[:_LISTED])
