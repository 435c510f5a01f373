"""Dependencies of the routes."""

from typing import Annotated

from fastapi import Depends, Request

from echo_auth.dependencies import Dependencies
from echo_auth.domain.request_origin import RequestOrigin
from echo_common.http.addresses import address_from_gateway, network_of
from echo_common.service import dependencies_of


async def _origin(request: Request) -> RequestOrigin:
    peer = request.client.host if request.client else None
    address = address_from_gateway(peer, request.headers.getlist("x-forwarded-for"))
    user_agent = request.headers.get("user-agent", "")[:300] or None
    return RequestOrigin(address, network_of(address), user_agent)


Deps = Annotated[Dependencies, Depends(dependencies_of)]
Origin = Annotated[RequestOrigin, Depends(_origin)]
