"""The document of the public API, made without connecting to anything, and where it is served."""

import json
from functools import cache
from typing import Any

from fastapi import APIRouter, Response

from echo_common.http.app import create_app
from echo_common.telemetry import Metrics
from echo_gateway.routes import ROUTERS

_TAGS = {
    "speech": "Text in, speech out: at once, in the background, or as a stream.",
    "jobs": "Pieces of synthesis work: queue, list, follow, cancel. Everything under `/job` answers under `/jobs` too.",
    "texts": "Saved texts, to be spoken by name.",
    "dictionary": "How texts are read aloud: a preview, and one's own pronunciations.",
    "files": "Finished audio, with ranges, ETags and signed links.",
    "voices": "What one can speak with.",
    "samples": "Recordings of somebody: taken in, measured, judged.",
    "clones": "Voices made from samples, with the speaker's consent.",
    "provenance": "Whether an audio came from here.",
    "Echo API": "Kept so that existing clients work: plain JSON without envelope. On one machine the operator may let it work "
    "without a token (`ECHO_API_WITHOUT_TOKEN`): `user_id` then names users within one local account.",
    "authentication": "Accounts, logging in and out, and the keys that tokens are verified with.",
    "users": "What the platform knows about me.",
    "admin": "For administrators: messages that could not be delivered.",
    "health": "Whether the platform runs, and what is missing if not.",
    "start": "Where to begin.",
}
_ABOUT = """Text in, speech out: a self-hosted voice platform.

Every JSON answer is an envelope: `{"success": true, "data": …}` or `{"success": false, "error": {"code", "message"}, "request_id"}`.
Codes are stable. Answers carry `RateLimit` and `RateLimit-Policy`; writes take `Idempotency-Key` where it is listed."""
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The `access_token` of a log-in.",
}

router = APIRouter(tags=["start"])


@router.get("/openapi.json", include_in_schema=False)
async def openapi_json() -> Response:
    """The document that describes the public API."""
    return Response(_encoded(), media_type="application/json", headers={"Cache-Control": "public, max-age=300"})


@cache
def _encoded() -> bytes:
    return json.dumps(openapi_document(), ensure_ascii=False).encode()


def openapi_document() -> dict[str, Any]:
    """OpenAPI 3.1 of everything public: every status, every code, an example each."""
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
    document["components"]["securitySchemes"] = {"bearer": _BEARER}
    _complete_health(document["paths"])
    _complete_examples(document["paths"])
    return document


def _complete_health(paths: dict[str, Any]) -> None:
    """Add what the health routes, which are every service's, do not say themselves."""
    paths["/health"]["get"]["security"] = [{"bearer": []}, {}]  # details with a token, a summary without
    answers = paths["/readyz"]["get"]["responses"]
    answers["503"] = answers["200"] | {"description": "Something is missing."}


def _complete_examples(paths: dict[str, Any]) -> None:
    """FastAPI leaves every null out of examples; an envelope's `data` may be null, but is always there."""
    for operations in paths.values():
        for operation in operations.values():
            for response in operation["responses"].values():
                example = response.get("content", {}).get("application/json", {}).get("example", {})
                if example.get("success"):
                    example.setdefault("data", None)
