"""A service's use of quotas by the current user; the gateway combines it with that of the others."""

from fastapi import APIRouter, Request

from echo_common.auth.dependencies import AccountHolder
from echo_common.clock import now
from echo_common.contracts.http.quotas import USAGE_PATH, UsageView
from echo_common.http.envelope import Success, ok
from echo_common.quotas.counters import Quotas, next_midnight

router = APIRouter()


@router.get(USAGE_PATH, include_in_schema=False)
async def get_usage(request: Request, principal: AccountHolder) -> Success[list[UsageView]]:
    """Get the use of this service's quotas."""
    quotas: Quotas = request.app.state.dependencies.quotas
    midnight = next_midnight(now())
    return ok(
        [
            UsageView(
                metric=metric.value,
                used=used,
                limit=quotas.limit(metric, principal) or None,
                period="day" if metric.daily else "total",
                resets_at=midnight if metric.daily else None,
            )
            for metric, used in (await quotas.usage(principal)).items()
        ]
    )
