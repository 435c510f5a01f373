"""The requests of voxify-rest-api.md about jobs."""

from tests.e2e.seeds.cases import Case, failure, success
from tests.support.shapes import Differs

TEXT = "Hello world, this is a test synthesis job."
SETTINGS = {"output_format": "wav", "sample_rate": 22050, "speed": 1.2, "pitch": 1.0, "volume": 1.0}
CREATION = {
    "text_content": TEXT,
    "voice_model_id": "{clone_id}",
    "text_language": "en-US",
    **SETTINGS,
    "config": {"include_timestamps": True, "timestamp_granularity": "word"},
}
JOB = {
    "id": str,
    "user_id": str,
    "voice_model_id": str,
    "text_hash": str,
    "text_language": "en-US",
    "text_length": int,
    "word_count": int,
    "created_at": str,
    "updated_at": str,
}
LISTED = {
    **JOB,
    "text_content": Differs(str, None),
    "status": "completed",
    "progress": 100.0,
    "config": Differs({"speed": float, "pitch": float, "volume": float}, {"include_timestamps": bool}),
    "output_format": str,
    "sample_rate": int,
    "output_file_path": str,
    "duration": float,
}
CREATED = {
    **JOB,
    **SETTINGS,
    "text_content": TEXT,
    "text_length": Differs(43, 42),
    "word_count": 8,
    "status": "pending",
    "progress": 0.0,
    "config": Differs(str, {"include_timestamps": True, "timestamp_granularity": "word"}),
}
PAGE = {"total_count": int, "limit": 10, "offset": 0, "has_more": bool}
PAGES = {"page": 1, "page_size": 20, "total_count": int, "total_pages": int, "has_next": bool, "has_prev": False}
CHANGE = {"speed": 1.5, "pitch": 1.1, "volume": 0.9, "output_format": "mp3", "sample_rate": 44100}
FINISHED = ["finished_job_id"]
QUERY = "status=completed&limit=10&offset=0&sort_by=created_at&sort_order=desc&include_text=false"

CREATE_JOB = Case(
    "Create a job",
    "POST /api/v1/job",
    success(CREATED, message="Synthesis job created successfully"),
    status=201,
    body=CREATION,
)

CASES = (
    Case("List jobs", f"GET /api/v1/job?{QUERY}", success([LISTED], meta={"pagination": PAGE}), needs=FINISHED),
    Case(
        "Filter and search jobs",
        "GET /api/v1/job?user_id={user_id}&voice_model_id={clone_id}&text_search=synthesis&include_text=true",
        success([{"id": str, "text_content": str}], meta={"pagination": {"total_count": int}}),
        needs=FINISHED,
    ),
    Case("List a page", "GET /api/v1/job?page=1&page_size=20", success([dict], meta={"pagination": PAGES}), needs=FINISHED),
    CREATE_JOB,
    Case(
        "Get a job",
        "GET /api/v1/job/{finished_job_id}",
        success({**JOB, **SETTINGS, "status": "completed", "progress": 100, "output_file_path": str, "duration": float}),
    ),
    Case("Get another user's job", "GET /api/v1/job/{finished_job_id}", failure("JOB_NOT_FOUND"), status=404, user="stranger"),
    Case("Change a pending job", "PUT /api/v1/job/{new_pending_job_id}", success({**JOB, **CHANGE}), body=CHANGE),
    Case(
        "Change a completed job",
        "PUT /api/v1/job/{finished_job_id}",
        failure("JOB_STATE_CONFLICT", details={"status": "completed"}),
        status=409,
        body=CHANGE,
    ),
    Case(
        "Cancel a job",
        "PATCH /api/v1/job/{new_pending_job_id}",
        success({**JOB, "status": "cancelled"}),
        body={"status": "cancelled"},
    ),
    Case(
        "Write a job's progress",
        "PATCH /api/v1/job/{finished_job_id}",
        Differs(success(JOB), failure("FORBIDDEN")),
        status=Differs(200, 403),
        body={"progress": 50.0},
    ),
    Case(
        "Delete a job",
        "DELETE /api/v1/job/{deletable_job_id}",
        {"success": True, "message": "Job deleted successfully", "timestamp": str},
    ),
    Case("Delete a job in progress", "DELETE /api/v1/job/{new_running_job_id}", failure("JOB_STATE_CONFLICT"), status=409),
    Case(
        "Stream a job's progress",
        "GET /api/v1/job/{finished_job_id}/progress",
        (
            {"progress": 0.0, "status": "pending", "message": "Job queued for processing"},
            {
                "progress": Differs(25.0, 0),
                "status": "processing",
                "message": Differs("Text preprocessing completed", "Processing started."),
            },
            {
                "progress": Differs(75.0, 99),
                "status": "processing",
                "message": Differs("Audio synthesis in progress", "1 of 1 segments synthesised."),
            },
            {
                "progress": 100.0,
                "status": "completed",
                "message": "Synthesis completed",
                "output_file_path": str,
                "duration": float,
            },
            {"event": "complete"},
        ),
    ),
)
