"""Examples of responses for the API documentation."""

RATING = {
    "id": "rat_0A1B2C3D4E5F60718293A4B5C6",
    "user_id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "audio_id": "aud_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "voice_id": "af_heart",
    "engine": "kokoro",
    "rating": 4,
    "comment": "Clear, but the name is wrong.",
    "categories": ["natural"],
    "reason": "mispronounced",
    "start_time": 1.2,
    "end_time": 1.8,
    "start_word": 3,
    "end_word": 3,
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:00:00Z",
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
