"""The seed documents with their requests."""

from collections.abc import Mapping, Sequence

from tests.e2e.seeds import echo_guide, flask_plan, tables, voxify, voxify_jobs
from tests.e2e.seeds.cases import Case

DOCUMENTS: Mapping[str, Sequence[Case]] = {
    "voxify-rest-api.md": (*voxify.CASES, *voxify_jobs.CASES),
    "echo-database-guide.md": echo_guide.CASES,
    "flask-tts-api-plan.md": flask_plan.CASES,
    "database-architecture.md": tables.CASES,
}
