"""Use of quotas by the current user, combined from all services."""

import asyncio
from typing import Annotated

from fastapi import Depends, Request

from echo_common.auth.dependencies import AccountHolder
from echo_common.contracts.http.quotas import USAGE_PATH, UsageView
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.proxy_options import PUBLIC_ROOT
from echo_common.service import dependencies_of
from echo_gateway.dependencies import Dependencies

_SERVICES = ("synthesis", "voice", "listening")
_DAY = {"period": "day", "resets_at": "2026-02-01T00:00:00Z"}
_EXAMPLE = [
    {"metric": "requests", "used": 3, "limit": 100, "period": "minute", "resets_at": "2026-01-31T10:01:00Z"},
    {"metric": "syntheses", "used": 12, "limit": 1000, **_DAY},
    {"metric": "storage_bytes", "used": 1048576, "limit": 10737418240, "period": "total", "resets_at": None},
]

Deps = Annotated[Dependencies, Depends(dependencies_of)]

usage = PublicRouter("users", root="", prefix=PUBLIC_ROOT)


@usage.endpoint("GET", "/users/me/usage", example=enveloped(_EXAMPLE))
async def get_usage(request: Request, principal: AccountHolder, deps: Deps) -> Success[list[UsageView]]:
    """Get the use of quotas.

    Days are those of UTC. A metric that several services count has the sums of their counts and limits.
    """
    headers = {"Authorization": request.headers.get("authorization", "")}
    clients = [deps.clients[name] for name in _SERVICES if name in deps.clients]
    own, *parts = await asyncio.gather(
        deps.rate_limiter.usage(principal), *(client.request("GET", USAGE_PATH, headers=headers) for client in clients)
    )
    combined: dict[str, UsageView] = {own.metric: own}
    for view in (UsageView.model_validate(item) for part in parts for item in part):
        known = combined.get(view.metric)
        combined[view.metric] = view if known is None else _sum(known, view)
    return ok(list(combined.values()))


def _sum(view: UsageView, other: UsageView) -> UsageView:
    limit = None if view.limit is None or other.limit is None else view.limit + other.limit
    return view.model_copy(update={"used": view.used + other.used, "limit": limit})
