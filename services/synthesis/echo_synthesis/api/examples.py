"""Examples of responses for the API documentation."""

SYNTHESIS_RESULT = {
    "synthesis_id": "syn_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "audio_id": "aud_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "audio_url": "/api/v1/files/audio/aud_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "duration": 1.4,
    "format": "wav",
    "sample_rate": 24000,
    "size": 67244,
    "voice_id": "af_heart",
    "engine": "kokoro",
    "alignment": "model",
    "word_timestamps": [{"word": "Hello", "start_time": 0.28, "end_time": 0.66, "char_start": 0, "char_end": 5}],
    "units": 1,
    "cached_units": 0,
}
QUEUED_SYNTHESIS = {
    "synthesis_id": "syn_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "job_id": "job_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "estimated_duration": 1.4,
    "status": "pending",
}
JOB = {
    "id": "job_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "user_id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "type": "synthesis",
    "synthesis_id": "syn_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "voice_model_id": "af_heart",
    "text_content": "Hello from Echo.",
    "text_hash": "9f2c…",
    "text_language": "en",
    "text_length": 16,
    "word_count": 3,
    "status": "pending",
    "progress": 0,
    "units_done": 0,
    "units_total": 1,
    "config": {"include_timestamps": True},
    "output_format": "wav",
    "sample_rate": 24000,
    "speed": 1.0,
    "pitch": 1.0,
    "volume": 1.0,
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:00:02Z",
}
COMPLETED_JOB = JOB | {
    "status": "completed",
    "progress": 100,
    "units_done": 1,
    "output_file_path": SYNTHESIS_RESULT["audio_url"],
    "duration": SYNTHESIS_RESULT["duration"],
    "audio_id": SYNTHESIS_RESULT["audio_id"],
    "audio_url": SYNTHESIS_RESULT["audio_url"],
    "result": SYNTHESIS_RESULT,
}
PAGE = {
    "pagination": {
        "total_count": 1,
        "limit": 20,
        "offset": 0,
        "has_more": False,
        "page": 1,
        "page_size": 20,
        "total_pages": 1,
        "has_next": False,
        "has_prev": False,
    }
}
TEXT = {
    "id": "txt_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "content": "A long story.",
    "language": "en-US",
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:00:00Z",
}
DICTIONARY_ENTRY = {
    "id": "dict_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "term": "Hugh",
    "respelling": "hue",
    "ipa": None,
    "language": "en",
    "voice_id": None,
    "case_sensitive": False,
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:00:00Z",
}
SCRIPT = {
    "language": "en-US",
    "voice_id": "af_heart",
    "spoken_text": "Doctor Smith paid five dollars.",
    "word_count": 4,
    "parts": [
        {
            "type": "unit",
            "text": "Doctor Smith paid five dollars.",
            "words": [
                {"word": "Dr", "spoken": "Doctor", "char_start": 0, "char_end": 2},
                {"word": "Smith", "spoken": "Smith", "char_start": 4, "char_end": 9},
                {"word": "paid", "spoken": "paid", "char_start": 10, "char_end": 14},
                {"word": "$5", "spoken": "five dollars", "char_start": 15, "char_end": 17},
            ],
            "rate": 1.0,
            "pitch": 1.0,
            "volume": 1.0,
            "heading": 0,
        },
        {"type": "pause", "seconds": 1.5},
    ],
}
AUDIO_INFO = {
    "id": SYNTHESIS_RESULT["audio_id"],
    "url": SYNTHESIS_RESULT["audio_url"],
    "mime": "audio/wav",
    "format": "wav",
    "sample_rate": 24000,
    "size": SYNTHESIS_RESULT["size"],
    "checksum": "9f2c…",
    "duration": SYNTHESIS_RESULT["duration"],
    "synthesis_id": SYNTHESIS_RESULT["synthesis_id"],
    "created_at": "2026-01-31T10:00:00Z",
}
VOICE = {
    "id": "af_heart",
    "name": "Heart",
    "language": "en-US",
    "languages": ["en-US"],
    "multilingual": False,
    "gender": "female",
    "engine": "kokoro",
    "kind": "built-in",
    "tags": ["neural"],
    "rating": {"mean": 4.5, "count": 12},
}
PENDING_SYNTHESIS = {
    "id": "syn_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "job_id": "job_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "text": "Hello from Echo.",
    "voice_name": "af_heart",
    "status": "pending",
    "files": [],
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:00:00Z",
}
AUDIO_FILE = {"path": SYNTHESIS_RESULT["audio_url"], "mime": "audio/wav", "size": SYNTHESIS_RESULT["size"], "checksum": "9f2c…"}
COMPLETED_SYNTHESIS = PENDING_SYNTHESIS | {"status": "completed", "duration": 1.4, "files": [AUDIO_FILE]}
VERIFICATION = {
    "generated_here": True,
    "cloned": True,
    "created_at": "2026-01-31T09:00:00Z",
    "checksum": "9f2c4ab1d0e37c55a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718",
    "marks": [
        {
            "kind": "manifest",
            "verdict": "genuine",
            "message": "The manifest was signed here, and nothing in the file was changed since.",
        },
        {
            "kind": "watermark",
            "verdict": "genuine",
            "message": "The sound has the watermark that this installation puts into cloned speech; it may have been edited since.",
        },
    ],
    "origin": None,
}
STREAM_TICKET = {"ticket": "pT9…", "expires_in": 60, "stream_url": "/api/v1/tts/synthesize/stream?ticket=pT9…"}
SIGNED_LINK = {
    "url": f"{SYNTHESIS_RESULT['audio_url']}?revision=1&expires=1769853900&signature=3q2…",
    "expires_at": "2026-01-31T10:05:00Z",
}
SEGMENT = {
    "number": 0,
    "text": "Hello from Echo.",
    "spoken": "Hello from Echo.",
    "start_time": 0.0,
    "end_time": 1.4,
    "char_start": 0,
    "char_end": 16,
    "first_word": 0,
    "word_count": 3,
    "quality": {"attempts": 1, "problems": [], "word_error_rate": 0.0},
}
SEGMENT_DETAILS = SEGMENT | {
    "words": [{"index": 0, "word": "Hello", "spoken": "Hello", "ipa": "həloʊ", "start_time": 0.28, "end_time": 0.66}]
}
PRONUNCIATION = {
    "segment": 0,
    "segment_checksum": "5d7e…",
    "term": "Hugh",
    "spoken": "Hugh",
    "ipa": "hju",
    "start_word": 0,
    "end_word": 0,
    "start_time": 0.28,
    "end_time": 0.66,
}
REPLACING_JOB = JOB | {
    "id": "job_01K9ZX9S8R7Q6P5N4M3K2J1H0G",
    "replaces": {"audio_id": SYNTHESIS_RESULT["audio_id"], "segment": 0},
}
REVISION = {
    "number": 2,
    "current": True,
    "url": f"{SYNTHESIS_RESULT['audio_url']}?revision=2",
    "mime": "audio/wav",
    "size": SYNTHESIS_RESULT["size"],
    "checksum": "9f2c…",
    "duration": 1.4,
    "segment": 0,
    "job_id": "job_01K9ZX9S8R7Q6P5N4M3K2J1H0G",
    "created_at": "2026-01-31T10:05:00Z",
}
