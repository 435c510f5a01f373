"""The requests of voxify-rest-api.md, except those about jobs."""

from tests.e2e.seeds.cases import Case, audio, failure, success
from tests.support.shapes import ABSENT, Differs

TOKENS = {"access_token": str, "refresh_token": str, "token_type": "Bearer", "expires_in": int}
PAGE = {"pagination": {"total_count": int, "limit": int, "offset": int, "has_more": bool}}
SAMPLE = {"id": str, "name": "My Voice Sample", "status": "ready", "quality": {"snr": float}, "validation": list}
CLONE = {"id": str, "name": str, "status": str, "quality": {"similarity": float}, "sample_ids": [str]}
TEXT = "Hello world, this is a test."


def timings(name: str, texts: str) -> tuple[object, ...]:
    return tuple({name: text, "start_time": float, "end_time": float} for text in texts.split())


WORDS = timings("word", "Hello world this is a test")
SYLLABLES = Differs(timings("syllable", "Hel lo wor ld this is a test"), timings("syllable", "Hel lo world this is a test"))
SPEECH = {
    "synthesis_id": str,
    "audio_url": Differs("https://api.voxify.com/files/audio/syn_1234567890.wav", str),
    "duration": float,
    "format": "wav",
    "sample_rate": 22050,
    "word_timestamps": WORDS,
    "syllable_timestamps": SYLLABLES,
}
SPOKEN = "Speech synthesis completed with timestamps"
REGISTRATION = {"email": "{new_email}", "password": "SecurePass123!", "first_name": "John", "last_name": "Doe"}
UPLOAD = {"name": "My Voice Sample", "description": "High quality recording", "language": "en-US"}
FEATURES = {"timestamp_alignment_enabled": True, "voice_quality_enhancement": True}
TRAINING = success(
    {"training_job_id": str, "estimated_duration": float, "status": "pending", "features": FEATURES},
    message="Voice training job created with timestamp alignment support",
)
CLONES = "/api/v1/voice/clones"
SAMPLES = "/api/v1/voice/samples"
LATER = (
    "This is a longer text that requires asynchronous processing with detailed timestamp mapping for each word and syllable."
)
BOTH = {"include_timestamps": True, "timestamp_granularity": "both"}
CONSENTED = {"name": "My Voice", "sample_ids": ["{sample_id}"], "config": {"epochs": 2}, "consent": {"attested": True}}


def speech(granularity: str) -> dict[str, object]:
    config = {"output_format": "wav", "sample_rate": 22050, "include_timestamps": True, "timestamp_granularity": granularity}
    return {"text": TEXT, "voice_id": "{sample_id_of_voice}", "config": config}


REGISTER = Case(
    "Register",
    "POST /api/v1/auth/register",
    success({**TOKENS, "user": {"email": str, "first_name": "John", "last_name": "Doe"}}),
    status=201,
    body=REGISTRATION,
    user="nobody",
)
LOG_IN = Case(
    "Log in",
    "POST /api/v1/auth/login",
    success(TOKENS),
    body={"email": "{email}", "password": "SecurePass123!"},
    user="nobody",
)
UPLOAD_SAMPLE = Case(
    "Upload a sample",
    f"POST {SAMPLES}",
    success({"sample_id": str, "status": str}),
    status=201,
    form=UPLOAD,
    file=("file", "voice_sample.wav"),
)
CREATE_CLONE = Case(
    "Create a clone, with `name` and `consent`",
    f"POST {CLONES}",
    success({"clone_id": str, "job_id": str}),
    status=202,
    body=CONSENTED,
)
SYNTHESIZE = Case(
    "Synthesize with word and syllable timestamps",
    "POST /api/v1/tts/synthesize",
    success(SPEECH, message=SPOKEN),
    body=speech("both"),
)
SYNTHESIZE_LATER = Case(
    "Synthesize asynchronously",
    "POST /api/v1/tts/synthesize/async",
    success(
        {"synthesis_id": str, "job_id": str, "estimated_duration": float, "status": "pending"},
        message="Asynchronous speech synthesis job created with timestamp mapping",
    ),
    status=202,
    body={
        "text": LATER,
        "voice_id": "{sample_id_of_voice}",
        "config": {"output_format": "mp3", "sample_rate": 44100, **BOTH},
    },
)

CASES = (
    REGISTER,
    LOG_IN,
    Case(
        "Refresh the tokens",
        "POST /api/v1/auth/refresh",
        success(TOKENS),
        body={"refresh_token": "{refresh_token}"},
        user="nobody",
    ),
    UPLOAD_SAMPLE,
    Case("List samples", f"GET {SAMPLES}", success([{"id": str, "status": str}], meta=PAGE), needs=["sample_id"]),
    Case("List ready samples", f"GET {SAMPLES}?status=ready", success([SAMPLE], meta=PAGE), needs=["sample_id"]),
    Case("Get a sample", f"GET {SAMPLES}/{{sample_id}}", success(SAMPLE)),
    Case("Process a sample", f"POST {SAMPLES}/{{processed_sample_id}}/process", success({"job_id": str}), status=202),
    Case("Delete a sample", f"DELETE {SAMPLES}/{{new_sample_id}}", {"success": True, "message": str}),
    Case(
        "Train a voice model",
        f"POST {SAMPLES}/{{sample_id}}/train",
        TRAINING,
        status=202,
        body={"config": {"epochs": 100, "learning_rate": 0.001, "batch_size": 32, "enable_timestamp_alignment": True}},
    ),
    Case(
        "Train a voice model with two options",
        f"POST {SAMPLES}/{{sample_id}}/train",
        TRAINING,
        status=202,
        body={"config": {"epochs": 100, "enable_timestamp_alignment": True}},
    ),
    Case(
        "Create a clone",
        f"POST {CLONES}",
        Differs(success({"clone_id": str, "job_id": str}), failure("VALIDATION_ERROR")),
        status=Differs(202, 422),
        body={"sample_ids": ["{sample_id}"], "config": {"epochs": 2}},
    ),
    CREATE_CLONE,
    Case(
        "List clones",
        f"GET {CLONES}",
        success([{"id": str, "status": str, "sample_ids": [str]}], meta=PAGE),
        needs=["clone_id"],
    ),
    Case("Get a clone", f"GET {CLONES}/{{clone_id}}", success(CLONE)),
    Case("Select a clone", f"POST {CLONES}/{{clone_id}}/select", {"success": True}),
    Case("Delete a clone", f"DELETE {CLONES}/{{new_clone_id}}", {"success": True}),
    SYNTHESIZE,
    Case(
        "Synthesize with word timestamps",
        "POST /api/v1/tts/synthesize",
        success({"word_timestamps": WORDS, "syllable_timestamps": None}, message=SPOKEN),
        body=speech("word"),
    ),
    Case(
        "Synthesize with syllable timestamps",
        "POST /api/v1/tts/synthesize",
        success({"word_timestamps": None, "syllable_timestamps": SYLLABLES}, message=SPOKEN),
        body=speech("syllable"),
    ),
    Case(
        "Synthesize with a cloned voice",
        "POST /api/v1/tts/synthesize",
        success({"synthesis_id": str, "duration": float, "format": "wav"}, message=SPOKEN),
        body={
            "text": "Hello world, this is my cloned voice!",
            "voice_id": "{sample_id_of_voice}",
            "config": {"output_format": "wav", **BOTH},
        },
    ),
    SYNTHESIZE_LATER,
    Case(
        "Get the result of an asynchronous synthesis",
        "GET /api/v1/jobs/{finished_async_job_id}",
        success(
            {
                "status": "completed",
                "result": {
                    "word_timestamps": [{"word": str, "start_time": float, "end_time": float}],
                    "syllable_timestamps": [{"syllable": str, "start_time": float, "end_time": float}],
                },
            }
        ),
    ),
    Case("Stream speech", "GET /api/v1/tts/synthesize/stream?text=Hello%20world.", audio("audio/mpeg")),
    Case("Download a file", "GET /api/v1/files/audio/{audio_id}", audio("audio/wav")),
    Case("Get a file's description", "GET /api/v1/files/{audio_id}/info", success({"id": str, "format": "wav", "size": int})),
    Case(
        "Read an error",
        "GET /api/v1/job/job_1234567890",
        failure("JOB_NOT_FOUND", details=Differs(str, ABSENT)),
        status=404,
    ),
    Case(
        "Get statistics",
        "GET /api/v1/admin/stats",
        success({"users": {"total": int}, "jobs": {"completed": int}}),
        user="administrator",
    ),
    Case(
        "List users",
        "GET /api/v1/admin/users",
        success([{"id": str, "plan": str, "role": str, "is_active": bool}]),
        user="administrator",
    ),
    Case(
        "Get the configuration",
        "GET /api/v1/admin/config",
        success([{"key": str, "value": bool | int | str}]),
        user="administrator",
    ),
    Case(
        "Change the configuration",
        "PUT /api/v1/admin/config",
        success([{"key": str, "value": bool | int | str}]),
        body={"values": {"auth.verify_email": False}},
        user="administrator",
    ),
)
