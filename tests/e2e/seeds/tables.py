"""The tables of database-architecture.md, each with the request that reads its columns; the document has no requests."""

from tests.e2e.seeds.cases import Case, success
from tests.support.shapes import ABSENT, Differs

TEXT_ENTRY = Case(
    "TextEntry",
    "POST /api/v1/texts",
    success({"id": str, "user_id": Differs(str, ABSENT), "content": "Hello.", "language": "en-US", "created_at": str}),
    status=201,
    body={"content": "Hello.", "language": "en-US"},
)

CASES = (
    Case(
        "User",
        "GET /api/v1/users/me",
        success(
            {
                "id": str,
                "username": str | None,
                "email": str,
                "two_factor_enabled": bool,
                "created_at": str,
                "last_login": str,
                "last_active_date": str,
                "first_name": "John",
                "last_name": "Doe",
                "date_of_birth": str | None,
                "preferred_language": str | None,
            }
        ),
    ),
    Case(
        "UserProfile",
        "GET /api/v1/users/me/profile",
        success(
            {
                "id": Differs(str, ABSENT),
                "user_id": Differs(str, ABSENT),
                "first_name": "John",
                "last_name": "Doe",
                "date_of_birth": str | None,
                "preferred_language": str | None,
            }
        ),
    ),
    Case(
        "Session",
        "GET /api/v1/auth/sessions",
        success(
            [
                {
                    "id": str,
                    "user_id": Differs(str, ABSENT),
                    "token": Differs(str, ABSENT),
                    "start_time": str,
                    "expiry_time": str,
                    "last_activity": str,
                }
            ]
        ),
    ),
    TEXT_ENTRY,
    Case(
        "Audio",
        "GET /api/v1/files/{audio_id_of_text}/info",
        success(
            {
                "id": str,
                "text_id": str,
                "user_id": Differs(str, ABSENT),
                "url": str,
                "duration": float,
                "created_at": str,
            }
        ),
    ),
    Case(
        "Voice",
        "GET /api/v1/voice/clones/{clone_id}",
        success(
            {
                "id": str,
                "user_id": str,
                "original_file_path": Differs(str, ABSENT),
                "processed_file_path": Differs(str, ABSENT),
                "sample_ids": [str],
                "status": "ready",
                "created_at": str,
            }
        ),
    ),
    Case(
        "UsageHistory",
        "GET /api/v1/users/me/history",
        success(
            [
                {
                    "id": str,
                    "user_id": Differs(str, ABSENT),
                    "action_type": str,
                    "related_id": str | None,
                    "timestamp": str,
                }
            ]
        ),
        needs=("audio_id",),
    ),
    Case("ErrorLog", "GET /api/v1/admin/errors", success(list), user="administrator"),
    Case(
        "APIUsage",
        "GET /api/v1/users/me/usage/series",
        success(
            [
                {
                    "id": Differs(str, ABSENT),
                    "user_id": Differs(str, ABSENT),
                    "endpoint": str,
                    "request_count": int,
                    "last_request": str,
                    "daily_limit": int | None,
                }
            ]
        ),
        needs=("used_endpoint",),
    ),
    Case(
        "UserFeedback",
        "POST /api/v1/feedback",
        success(
            {"id": str, "user_id": str, "audio_id": str, "rating": 5, "comment": "Clear.", "created_at": str},
        ),
        status=201,
        body={"audio_id": "{audio_id}", "rating": 5, "comment": "Clear."},
    ),
    Case(
        "SystemSetting",
        "GET /api/v1/admin/config",
        success([{"id": Differs(str, ABSENT), "key": str, "value": bool | int | str, "last_updated": str | None}]),
        user="administrator",
    ),
)
