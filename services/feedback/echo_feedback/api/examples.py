"""Examples of responses for the API documentation."""

from typing import Any

RATING: dict[str, Any] = {
    "id": "rat_0A1B2C3D4E5F60718293A4B5C6",
    "user_id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "audio_id": "aud_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "voice_id": "af_heart",
    "engine": "kokoro",
    "rating": 4,
    "comment": "Clear, but the name is wrong.",
    "categories": ["natural"],
    "reason": "mispronounced",
    "start_time": None,
    "end_time": None,
    "start_word": 3,
    "end_word": 3,
    "offer": {
        "term": "Hugh",
        "spoken": "Hugh",
        "ipa": "hju",
        "segment": 0,
        "start_word": 3,
        "end_word": 3,
        "acceptance": None,
    },
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:00:00Z",
}
ACCEPTED_RATING: dict[str, Any] = RATING | {
    "offer": RATING["offer"]
    | {
        "acceptance": {
            "correction": {"respelling": "hue", "ipa": None, "language": None, "voice_id": None, "case_sensitive": False},
            "job_id": "job_01K9ZX9S8R7Q6P5N4M3K2J1H0G",
        }
    }
}
SUMMARY = {
    "audio_id": RATING["audio_id"],
    "count": 1,
    "mean": 4.0,
    "distribution": {"1": 0, "2": 0, "3": 0, "4": 1, "5": 0},
    "categories": {"natural": 1},
    "reasons": {"mispronounced": 1},
}
HISTORY_ENTRY = {
    "id": "his_0A1B2C3D4E5F60718293A4B5C6",
    "action_type": "job_queued",
    "related_id": "job_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "timestamp": "2026-01-31T10:00:00Z",
}
TOTALS = {
    "subject": "voice",
    "name": "af_heart",
    "count": 12,
    "mean": 4.5,
    "distribution": {"1": 0, "2": 0, "3": 1, "4": 4, "5": 7},
    "updated_at": "2026-01-31T10:00:00Z",
}
USAGE = {
    "day": "2026-01-31",
    "endpoint": "POST /api/v1/tts/synthesize",
    "request_count": 12,
    "client_errors": 1,
    "server_errors": 0,
    "last_request": "2026-01-31T10:00:00Z",
    "daily_limit": 1000,
}
USER_USAGE = {**USAGE, "user_id": RATING["user_id"]}
ERROR = {
    "id": "err_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "service": "synthesis",
    "error_type": "KeyError",
    "error_message": "KeyError at echo_synthesis/api/speech.py:90 in synthesize",
    "stack_trace": "echo_synthesis/api/speech.py:90 in synthesize",
    "source": "request",
    "subject": "/tts/synthesize",
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "request_id": "req_5f3a9c1e0b7d2a4c6e8f0a1b",
    "count": 3,
    "timestamp": "2026-01-31T10:00:00Z",
    "last_at": "2026-01-31T10:00:02Z",
}
POINT = {
    "time": "2026-01-31T10:00:00Z",
    "requests": 1200,
    "client_errors": 14,
    "server_errors": 3,
    "error_rate": 0.0025,
    "errors": 3,
    "active_users": 17,
    "new_users": 2,
    "jobs": {"queued": 90, "completed": 88, "failed": 1, "cancelled": 1},
    "messages": 120,
    "audio_seconds": 5400.5,
    "cache_hits": 400,
    "cache_misses": 600,
    "cache_hit_rate": 0.4,
    "engines": [
        {
            "engine": "kokoro",
            "segments": 600,
            "audio_seconds": 3200.25,
            "compute_seconds": 800.1,
            "real_time_factor": 0.25,
        }
    ],
}
WEBHOOK = {
    "id": "whk_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "url": "https://example.com/hooks/echo",
    "events": ["job.completed", "job.failed"],
    "description": "Podcast build",
    "enabled": True,
    "disabled_reason": None,
    "disabled_at": None,
    "failing_since": None,
    "previous_secret_expires_at": None,
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:00:00Z",
}
WEBHOOK_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD…"  # noqa: S105 - an example
DELIVERY = {
    "id": "whd_0A1B2C3D4E5F60718293A4B5C6",
    "webhook_id": WEBHOOK["id"],
    "message_id": "msg_6C5B4A39281706F5E4D3C2B1A0",
    "type": "job.completed",
    "status": "completed",
    "error_code": None,
    "error_message": None,
    "next_attempt_at": None,
    "attempts": [
        {"at": "2026-01-31T10:00:01Z", "duration": 0.12, "status": 200, "error": None, "response": "ok"},
    ],
    "payload": {
        "type": "job.completed",
        "timestamp": "2026-01-31T10:00:00Z",
        "data": {
            "job_id": "job_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
            "audio_id": "aud_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
            "duration": 2.5,
        },
    },
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:00:01Z",
}
PENDING_TEST = DELIVERY | {
    "type": "webhook.test",
    "status": "pending",
    "next_attempt_at": "2026-01-31T10:00:00Z",
    "attempts": [],
    "payload": {"type": "webhook.test", "timestamp": "2026-01-31T10:00:00Z", "data": {"webhook_id": WEBHOOK["id"]}},
}
