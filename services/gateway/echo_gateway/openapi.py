"""OpenAPI document of the public API, generated without any connection, and its route."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from fastapi import APIRouter, Response

from echo_common.http.app import create_app
from echo_common.http.contract import complete_examples, drop_repeated_descriptions
from echo_common.http.proxy_options import PROXY_EXTENSION
from echo_common.metrics import Metrics
from echo_gateway.contract import Contracts, load_contracts
from echo_gateway.routes import ROUTERS
from echo_gateway.shared_operations import combine_operations

_TAGS = {
    "speech": "Speech synthesis: synchronous, in the background, or as a stream.",
    "jobs": "Jobs: synthesis, the processing of samples and the training of clones. Queue, list, follow, cancel. All paths under `/job` also work under `/jobs`.",
    "texts": "Saved texts, for synthesis by `text_id`.",
    "dictionary": "Pronunciation: a preview of the spoken form, and the user's lexicon.",
    "files": "Finished audio, with range requests, ETags and signed links.",
    "voices": "Voices for synthesis.",
    "samples": "Recordings of a speaker, with quality measures and verdicts.",
    "clones": "Voice models made from samples, with the speaker's consent.",
    "echos": "Echos: personas with a voice. The id of an echo is a voice in every request of speech.",
    "feedback": "Ratings of audio.",
    "tracks": "Tracks: generated speech, uploads and music of Spotify, which playlists can hold.",
    "playlists": "Playlists: tracks in order, with collaborators, revisions and earlier states.",
    "interactions": "Interactions with tracks: plays, skips, likes.",
    "preferences": "Preferred tracks, artists, genres and audio features: stated, and derived from interactions.",
    "recommendations": "Recommended tracks, each with a reason.",
    "group-sessions": "Group sessions: members hear one playlist at the same time, and control it together.",
    "spotify": "Accounts of Spotify: link one, import from it, and export to it.",
    "webhooks": "Webhooks: signed requests to URLs of users when jobs end, voices change or ratings are submitted.",
    "provenance": "Verification that this platform generated an audio file.",
    "Echo API": "Compatibility with existing clients: plain JSON without an envelope. On a single machine the operator can allow "
    "requests without a token (`ECHO_API_WITHOUT_TOKEN`); `user_id` then names users within one local account.",
    "authentication": "Registration, login, logout, and the public keys that verify tokens.",
    "users": "The current user's account.",
    "admin": "Dead letters, for administrators.",
    "health": "Health and readiness of the platform.",
    "start": "Entry point of the API.",
}
_ABOUT = """API of Echo, a self-hosted voice platform.

Every JSON response under `/api/v1` is an envelope: `{"success": true, "data": …}` or `{"success": false, "error": {"code", "message"}, "request_id"}`.
Codes are stable. Responses carry `RateLimit` and `RateLimit-Policy`; writes accept `Idempotency-Key` where it is listed."""
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The `access_token` of a login.",
}

_API_KEY = {
    "type": "apiKey",
    "in": "header",
    "name": "X-API-Key",
    "description": "An API key of `POST /api/v1/auth/keys`. It may also be sent as `Authorization: Bearer`.",
}

router = APIRouter(tags=["start"])


@router.get("/openapi.json", include_in_schema=False)
async def openapi_json() -> Response:
    """Get the OpenAPI document of the public API."""
    return Response(_encoded(), media_type="application/json", headers={"Cache-Control": "public, max-age=300"})


@cache
def _encoded() -> bytes:
    return json.dumps(openapi_document(load_contracts()), ensure_ascii=False).encode()


def openapi_document(contracts: Contracts) -> dict[str, Any]:
    """Generate the OpenAPI 3.1 document of the public API: the gateway's own endpoints and those of all contracts.

    Every status and error code is listed, each with an example.
    """
    document = _own_document()
    for contract in contracts.values():
        _merge(document["components"]["schemas"], contract["components"]["schemas"])
        for path, operations in contract["paths"].items():
            known = document["paths"].setdefault(path, {})
            for method, operation in operations.items():
                known[method] = combine_operations(known[method], operation) if method in known else operation
    document["paths"] = {
        path: {method: _published(operation) for method, operation in operations.items()}
        for path, operations in document["paths"].items()
    }
    document["components"]["securitySchemes"] = {"apiKey": _API_KEY, "bearer": _BEARER}
    return document


def _own_document() -> dict[str, Any]:
    app = create_app(
        "gateway",
        ROUTERS,
        metrics=Metrics(),
        checks={},
        restricted_health=True,
        title="Echo",
        version="1.0.0",
        description=_ABOUT,
        openapi_tags=[{"name": name, "description": text} for name, text in _TAGS.items()],
        license_info={"name": "Apache-2.0"},
    )
    document = app.openapi()
    _complete_health(document["paths"])
    complete_examples(document["paths"])
    drop_repeated_descriptions(document["paths"])
    return document


def _merge(schemas: dict[str, Any], others: Mapping[str, Any]) -> None:
    """Add the schemas of a contract. Raises `ValueError` if two services mean different things by one name."""
    for name, schema in others.items():
        if schemas.setdefault(name, schema) != schema:
            raise ValueError(f"two services describe {name} differently")


def _published(operation: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in operation.items() if name != PROXY_EXTENSION}


def _complete_health(paths: dict[str, Any]) -> None:
    """Add the gateway's specifics to the health routes, which all services share."""
    paths["/health"]["get"]["security"] = [
        {"bearer": []},
        {"apiKey": []},
        {},
    ]  # with a token the details, without a token a summary
    paths["/readyz"]["get"]["security"] = [{"bearer": []}, {"apiKey": []}]
    responses = paths["/readyz"]["get"]["responses"]
    responses["503"] = responses["200"] | {"description": "Not ready."}
