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
    """List inactive users.

    They are the accounts that are due to be warned, archived or erased; the request changes nothing.
    """
    return ok(_report([due async for due in retention.find_due_steps(deps)]))


@router.endpoint("POST", "/admin/retention", idempotent=True, example=enveloped(examples.RETENTION))
async def process_inactive_users(_: Administrator, deps: Deps) -> Success[RetentionReport]:
    """Process inactive users.

    Warns, archives and erases the accounts that are due. The platform does so once a day.
    """
    return ok(_report(await retention.apply_retention(deps)))


def _report(due: Sequence[DueStep]) -> RetentionReport:
    items = [RetentionItem(user_id=item.user.id, step=item.step, last_active_date=item.user.last_active_date) for item in due]
    return RetentionReport(counts=dict(Counter(item.step for item in due)), items=items[:_LISTED])
