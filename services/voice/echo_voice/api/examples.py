"""Examples of responses for the API documentation."""

SAMPLE = {
    "id": "vs_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "user_id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "name": "My voice",
    "description": None,
    "language": "en",
    "status": "ready",
    "job_id": "job_sample_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "mime": "audio/wav",
    "size": 480044,
    "quality": {
        "duration": 15.0,
        "speech_seconds": 11.2,
        "snr": 24.1,
        "clipping": 0.0,
        "loudness": -22.1,
        "mos": 2.9,
        "language": "en",
        "speakers": 1,
        "sample_rate": 16000,
        "channels": 1,
    },
    "validation": [
        {
            "measure": "speech_seconds",
            "value": 11.2,
            "verdict": "fair",
            "advice": "Twenty seconds of speech or more would be better still.",
        }
    ],
    "transcript": "There's iron, they say, in all our blood.",
    "duplicate_of": None,
    "error_code": None,
    "error_message": None,
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:00:02Z",
}
TRAINING_CONFIG = {
    "kind": "instant",
    "epochs": 1,
    "learning_rate": 0.1,
    "batch_size": 1,
    "restraint": 0.02,
    "seed": 0,
    "enable_timestamp_alignment": True,
}
QUALITY = {"similarity": 0.82, "nearest_stock": 0.61, "mos": 3.1, "word_errors": 0.0, "seconds": 60.0}
CLONE = {
    "id": "vm_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "user_id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "model_id": "vm_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "name": "My voice",
    "provider": "local",
    "engine": "kokoro",
    "language": "en",
    "status": "ready",
    "job_id": "job_train_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "progress": 100,
    "note": None,
    "config": TRAINING_CONFIG,
    "quality": QUALITY,
    "sample_ids": ["vs_01K9ZX3V5T4S2R1Q0P9N8M7K6J"],
    "voices": [],
    "consent_id": "cns_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "public": False,
    "shared_with": [],
    "error_code": None,
    "error_message": None,
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:03:00Z",
}
MIX = CLONE | {
    "name": "Heart and I",
    "provider": "mix",
    "job_id": None,
    "config": None,
    "quality": {"similarity": None, "nearest_stock": None, "mos": None, "seconds": None},
    "sample_ids": [],
    "voices": [{"voice_id": CLONE["id"], "share": 0.75}, {"voice_id": "af_heart", "share": 0.25}],
    "consent_id": None,
}
CLONE_RECEIPT = {"clone_id": CLONE["id"], "job_id": CLONE["job_id"], "status": "pending"}
CONSENT = {
    "id": "cns_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "user_id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "kind": "attested",
    "statement": "I am the owner of this voice, or I have its owner's permission to clone it with Echo.",
    "statement_version": "1",
    "proof": None,
    "created_at": "2026-01-31T10:00:00Z",
    "revoked_at": None,
}
CONSENT_PHRASE = {
    "phrase_id": "phr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "text": "I am the owner of this voice and I agree that Echo makes a clone of it. Today's words are: amber, river, …",
    "words": ["amber", "river"],
    "valid_until": "2026-02-01T10:00:00Z",
}
SHARES = {"voice_id": CLONE["id"], "public": False, "shared_with": ["usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J"]}
VOICE_MODEL_RECORD = {
    "_id": "vm_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "user_id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "model_id": "vm_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "name": "My voice",
    "audio_file_path": "recording.mp3",
    "file_type": "audio",
    "echo_id": None,
    "created_at": "2026-01-31T10:00:00Z",
    "status": "pending",
    "progress": 0,
    "error_message": None,
    "status_url": "/api/voice-models/vm_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
}
ECHO = {
    "id": "echo_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "user_id": VOICE_MODEL_RECORD["user_id"],
    "name": "Grandmother",
    "persona_prompt": "You are kind and tell stories.",
    "voice_id": "af_heart",
    "language": "en",
    "greeting": "Hello, my dear!",
    "speed": 0.9,
    "pitch": 1.0,
    "volume": 1.0,
    "style": None,
    "pronunciations": [{"term": "Hugh", "respelling": "hue", "ipa": None, "case_sensitive": False}],
    "revision": 2,
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:05:00Z",
}
ECHO_REVISION = {
    **{name: value for name, value in ECHO.items() if name not in {"id", "user_id", "updated_at"}},
    "echo_id": ECHO["id"],
    "greeting": None,
    "revision": 1,
}
ECHO_DOCUMENT = {
    "_id": ECHO["id"],
    "user_id": VOICE_MODEL_RECORD["user_id"],
    "name": "Grandmother",
    "persona_prompt": "You are kind and tell stories.",
    "voice_model_id": VOICE_MODEL_RECORD["_id"],
    "created_at": "2026-01-31T10:00:00Z",
}
SAMPLE_RECEIPT = {"sample_id": SAMPLE["id"], "job_id": SAMPLE["job_id"], "status": "uploaded", "duplicate_of": None}
WORK_RECEIPT = {"job_id": SAMPLE["job_id"], "status": "pending"}
TRAINING_RECEIPT = {
    "training_job_id": CLONE["job_id"],
    "clone_id": CLONE["id"],
    "estimated_duration": 180.0,
    "status": "pending",
    "features": {"timestamp_alignment_enabled": True, "voice_quality_enhancement": True},
    "trainer_config": {"epochs": 1, "learning_rate": 0.1, "batch_size": 1, "steps": 16},
}
TRAINING_PROGRESS = {
    "type": "training",
    "status": "processing",
    "progress": 30,
    "units_done": 3,
    "units_total": 10,
    "step": "steps done",
    "note": "refining",
    "error_message": None,
}
TASK = {
    "id": CLONE["job_id"],
    "user_id": CLONE["user_id"],
    "type": "training",
    "status": "completed",
    "progress": 100,
    "units_done": 10,
    "units_total": 10,
    "step": "steps done",
    "note": None,
    "sample_ids": CLONE["sample_ids"],
    "clone_id": CLONE["id"],
    "error_code": None,
    "error_message": None,
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:03:00Z",
}
TRAINING = {
    "job_id": CLONE["job_id"],
    "config": TRAINING_CONFIG,
    "status": "completed",
    "started_at": "2026-01-31T10:00:00Z",
    "ended_at": "2026-01-31T10:03:00Z",
    "error_message": None,
    "quality": QUALITY,
}
SIMILAR_VOICES = [
    {"id": CLONE["id"], "name": "My voice", "kind": "clone", "similarity": 0.81},
    {"id": "af_heart", "name": "Heart", "kind": "built-in", "similarity": 0.62},
]
REFERENCE_UPLOAD = {
    "success": True,
    "model_id": VOICE_MODEL_RECORD["model_id"],
    "reference_id": VOICE_MODEL_RECORD["model_id"],
    "message": "Reference audio uploaded successfully and saved to database",
    "database_record": VOICE_MODEL_RECORD,
}
MESSAGE = {
    "id": "msg_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "echo_id": ECHO["id"],
    "user_id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "role": "user",
    "text": "Good morning! How are you?",
    "status": "complete",
    "duration": None,
    "echo_revision": None,
    "created_at": "2026-01-31T10:00:00Z",
}
REPLY = {
    "message": MESSAGE,
    "reply": {
        **MESSAGE,
        "id": "msg_01K9ZX3V7T4S2R1Q0P9N8M7K6J",
        "role": "echo",
        "text": "Very well, thank you.",
        "echo_revision": 3,
        "created_at": "2026-01-31T10:00:02Z",
    },
    "audio": None,
    "word_timestamps": None,
    "speech_error": None,
}
