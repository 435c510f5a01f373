"""A service's contract: the OpenAPI document of its public endpoints, with the options by which the gateway forwards them."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI

from echo_common.http.endpoints import PublicRouter
from echo_common.http.proxy_options import WEBSOCKETS_EXTENSION


def contract_of(service: str, routers: Sequence[APIRouter]) -> dict[str, Any]:
    """Generate a service's contract, under the public paths.

    Its operations have the extension `x-proxy`, see `ProxyOptions`; `x-websockets` lists WebSocket endpoints by path.
    """
    app = FastAPI(title=service, version="1", docs_url=None, redoc_url=None)
    websockets: dict[str, Any] = {}
    for router in routers:
        if isinstance(router, PublicRouter):
            app.include_router(router, prefix=router.root)
            websockets |= router.websockets
    document = app.openapi()
    complete_examples(document["paths"])
    drop_repeated_descriptions(document["paths"])
    return document | {WEBSOCKETS_EXTENSION: websockets}


def drop_repeated_descriptions(paths: dict[str, Any]) -> None:
    """Drop descriptions that only repeat the summary: FastAPI takes the docstring where a description is empty."""
    for operations in paths.values():
        for operation in operations.values():
            if operation.get("description", "").rstrip(".") == operation["summary"].rstrip("."):
                operation.pop("description", None)


def complete_examples(paths: dict[str, Any]) -> None:
    """Add `data: null` to examples of the envelope: FastAPI omits nulls, but an envelope always has `data`."""
    for operations in paths.values():
        for operation in operations.values():
            for response in operation["responses"].values():
                example = response.get("content", {}).get("application/json", {}).get("example", {})
                if example.get("success") and "timestamp" in example:
                    example.setdefault("data", None)
