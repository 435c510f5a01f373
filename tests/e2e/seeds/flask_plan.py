"""The requests of flask-tts-api-plan.md, with the fields of its tables."""

from tests.e2e.seeds.cases import Case, audio, success
from tests.support.shapes import ABSENT, Differs

FILE = {
    "file_path": Differs(str, ABSENT),
    "path": str,
    "mime_type": Differs(str, ABSENT),
    "mime": "audio/wav",
    "file_size": Differs(int, ABSENT),
    "size": int,
    "checksum": str,
}
REQUEST = {
    "id": str,
    "user_id": Differs(str, ABSENT),
    "text_content": Differs(str, ABSENT),
    "text": "Hello.",
    "voice_name": "tone_low",
    "status": str,
    "metadata": dict,
    "created_at": str,
    "updated_at": str,
}
USER = {
    "id": str,
    "username": str,
    "email": str,
    "created_at": str,
    "updated_at": Differs(str, ABSENT),
    "is_active": Differs(bool, ABSENT),
}
PAGE = {"pagination": {"total_count": int, "page": 1, "page_size": 20, "total_pages": int}}

GENERATE = Case(
    "Generate speech",
    "POST /api/v1/tts/generate",
    success(REQUEST),
    status=202,
    body={"text": "Hello.", "voice_name": "tone_low"},
)

CASES = (
    Case(
        "Register with a username",
        "POST /api/v1/auth/register",
        success({"access_token": str, "refresh_token": str, "user": USER}),
        status=201,
        body={"username": "{new_username}", "email": "{new_email}", "password": "SecurePass123!"},
        user="nobody",
    ),
    Case(
        "Log in",
        "POST /api/v1/auth/login",
        success({"access_token": str, "refresh_token": str, "user": {**USER, "username": str | None}}),
        body={"email": "{email}", "password": "SecurePass123!"},
        user="nobody",
    ),
    GENERATE,
    Case("Get a request", "GET /api/v1/tts/{generated_id}", success({**REQUEST, "status": "completed", "files": [FILE]})),
    Case("Download a request's audio", "GET /api/v1/tts/{generated_id}/download", audio("audio/wav")),
    Case(
        "List requests",
        "GET /api/v1/tts/?page=1&page_size=20",
        success([{"id": str, "status": str}], meta=PAGE),
        needs=["generated_id"],
    ),
    Case("Delete a request", "DELETE /api/v1/tts/{new_generated_id}", {"success": True}),
    Case("Check the health", "GET /api/v1/health", {"status": "ok"}, user="nobody"),
)
