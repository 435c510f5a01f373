"""The part of a service in the current statistics, which the gateway combines for administrators."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request

from echo_common.auth.dependencies import Administrator
from echo_common.contracts.http.statistics import MEASUREMENTS_PATH, Measurements
from echo_common.http.envelope import Success, ok

router = APIRouter()


@router.get(MEASUREMENTS_PATH, include_in_schema=False)
async def get_measurements(_: Administrator, request: Request) -> Success[Measurements]:
    """Get the current state of the service's users, jobs, queues, engines and storage, as far as it has them."""
    measure: Callable[[], Awaitable[Measurements]] = request.app.state.measure
    return ok(await measure())
