"""Tests of every request in the seed documents; docs/seeds.md lists the results."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.e2e.seeds.cases import Case
from tests.e2e.seeds.documents import DOCUMENTS
from tests.e2e.seeds.session import Session
from tests.support.platform import TONE, require_form, started
from tests.support.requirements import Require
from tests.support.shapes import mismatches

SETTINGS = TONE | {
    "ECHO_API_WITHOUT_TOKEN": "true",
    "ECHO_SYNTHESIS_JOBS_AT_ONCE": "1",
    "ECHO_VOICE_RECOGNISER": "false",
}
CASES = [
    pytest.param(case, id=f"{document}: {case.title}".replace(" ", "-"))
    for document, cases in DOCUMENTS.items()
    for case in cases
]


@pytest.fixture(scope="module", params=["embedded", pytest.param("distributed", marks=pytest.mark.full)])
def session(request: pytest.FixtureRequest, require: Require, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp(f"seeds-{request.param}")
    require_form(request.param, require, folder)
    with started(request.param, folder, settings=SETTINGS) as platform:
        yield Session(platform.url, platform.admin)


@pytest.fixture(autouse=True)
async def released_worker(session: Session) -> AsyncIterator[None]:
    """Cancel the jobs that kept the other jobs of a test pending."""
    yield
    await session.release_worker()


@pytest.mark.parametrize("case", CASES)
async def test_requests_are_answered_as_documented(session: Session, case: Case) -> None:
    status, content = await session.respond(case)

    assert list(mismatches(case.status, status, "status")) == [], content
    assert list(mismatches(case.response, content)) == [], content


async def test_the_versioned_api_still_needs_a_token(session: Session) -> None:
    for path in ("/api/v1/voice/clones", "/api/v1/job", "/api/v1/users/me"):
        assert (await session.send("GET", path, "nobody"))[0] == 401, path
