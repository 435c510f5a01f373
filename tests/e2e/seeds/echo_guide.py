"""The requests of echo-database-guide.md, which sends no tokens."""

from typing import Any

from tests.e2e.seeds.cases import Case, audio
from tests.support.shapes import ABSENT

USER = "507f1f77bcf86cd799439011"
UPLOAD_PATH = "POST /api/upload-reference"
MESSAGE = "Reference audio uploaded successfully"
RECORD = {
    "_id": str,
    "user_id": USER,
    "model_id": str,
    "name": "My Custom Voice",
    "audio_file_path": "my_voice.mp3",
    "file_type": "audio",
    "echo_id": str | None,
    "created_at": str,
}
SAVED = {"success": True, "model_id": str, "reference_id": str, "message": f"{MESSAGE} and saved to database"}
PERSONA = {"user_id": USER, "name": "My Echo", "persona_prompt": "You are a helpful assistant."}


def tokenless(title: str, request: str, response: Any, **more: Any) -> Case:
    return Case(title, request, response, user="nobody", **more)


def upload(title: str, response: Any, **form: str) -> Case:
    return tokenless(title, UPLOAD_PATH, response, form=form, file=("audio", "my_voice.mp3"))


UPLOAD_ALL = upload(
    "Upload with all fields",
    {**SAVED, "database_record": {**RECORD, "name": "My Voice", "echo_id": str}},
    name="My Voice",
    user_id=USER,
    echo_id="{new_echo_id}",
    file_type="audio",
)
UPLOAD = upload(
    "Upload for a user", {**SAVED, "database_record": {**RECORD, "echo_id": None}}, name="My Custom Voice", user_id=USER
)
CREATE_USER = tokenless(
    "Create a user",
    "POST /api/users/test_user_123",
    {"_id": str, "name": "test_user_123", "email": "test@example.com"},
    body={"email": "test@example.com"},
)
UPLOAD_FOR_CREATED_USER = upload(
    "Upload for the created user",
    {**SAVED, "database_record": {**RECORD, "user_id": str, "name": "Test Voice"}},
    name="Test Voice",
    user_id="{created_user_id}",
)
CREATE_ECHO = tokenless(
    "Create an echo", "POST /api/echo", {**PERSONA, "_id": str}, body={**PERSONA, "voice_model_id": "{record_id}"}
)

CASES = (
    UPLOAD_ALL,
    UPLOAD,
    upload(
        "Upload without a user",
        {"success": True, "model_id": str, "reference_id": str, "message": MESSAGE, "database_record": ABSENT},
    ),
    tokenless(
        "List a user's voice models",
        "GET /api/voice-models?user_id={user_id_of_record}",
        {"voice_models": [{**RECORD, "name": str}], "count": int},
    ),
    tokenless("Get a voice model", "GET /api/voice-models/{record_id}", {"voice_model": RECORD}),
    tokenless(
        "Delete a voice model",
        "DELETE /api/voice-models/{unneeded_record_id}",
        {"success": True, "message": "Voice model deleted"},
    ),
    tokenless(
        "Get the voice model of an echo",
        "GET /api/echo/{echo_id}/voice-model",
        {"voice_model": {**RECORD, "echo_id": str}},
    ),
    tokenless(
        "Synthesize with a voice model",
        "POST /api/synthesize",
        audio("audio/mpeg"),
        body={"text": "Hello! This is my custom voice.", "reference_id": "{usable_record_id}"},
    ),
    CREATE_ECHO,
    tokenless(
        "Link a voice model to an echo",
        "PATCH /api/voice-models/{record_id}",
        {"voice_model": {**RECORD, "echo_id": str}},
        body={"echo_id": "{echo_id}"},
    ),
    CREATE_USER,
    UPLOAD_FOR_CREATED_USER,
    tokenless(
        "List the created user's voice models",
        "GET /api/voice-models?user_id={created_user_id}",
        {"voice_models": ({**RECORD, "user_id": str, "name": "Test Voice"},), "count": 1},
        needs=["record_id_of_created_user"],
    ),
    tokenless(
        "Get an unknown voice model",
        "GET /api/voice-models/fish_audio_id_1",
        {"error": "Voice model not found"},
        status=404,
    ),
)
