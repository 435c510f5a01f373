"""docs/seeds.md lists the requests of the suite in tests/e2e/seeds, with their results."""

import re
from collections.abc import Iterator

import pytest

from echo_common.contracts.system_settings import QUOTAS, REQUESTS_PER_MINUTE
from echo_common.contracts.values import Metric, Plan
from echo_voice.settings import VoiceSettings
from tests.contract.test_promises import QUOTED, ROOT, TEST, assert_tests_exist
from tests.e2e.seeds.documents import DOCUMENTS

PAGE = (ROOT / "docs" / "seeds.md").read_text()
ROW = re.compile(r"^\| (.+) \| `(.+)` \| (as written|differs(?=: \S))(?:: .+)? \|$", re.MULTILINE)


def rows(document: str) -> Iterator[tuple[str, str, str]]:
    """Return title, request and result of the rows in a document's section."""
    section = PAGE.split(f"## {document}\n")[1].split("\n## ")[0]
    for row in ROW.finditer(section):
        yield row[1], row[2], row[3]
    assert len(ROW.findall(section)) + 2 == section.count("\n| "), "rows without a result"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_page_lists_the_requests_of_the_suite(document: str) -> None:
    assert list(rows(document)) == [(case.title, case.request, case.result) for case in DOCUMENTS[document]]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_titles_are_unique(document: str) -> None:
    titles = [case.title for case in DOCUMENTS[document]]

    assert len(set(titles)) == len(titles)


def test_the_default_limits_are_those_of_the_documents() -> None:
    voice = VoiceSettings.model_fields

    assert [REQUESTS_PER_MINUTE[plan].default for plan in (Plan.USER, Plan.PREMIUM)] == [100, 1_000]
    assert voice["upload_bytes"].default == 50 * 1024**2
    assert [QUOTAS[metric][Plan.USER].default for metric in (Metric.UPLOADS, Metric.SYNTHESES)] == [100, 1_000]


def test_the_tests_that_the_page_quotes_exist() -> None:
    quoted = [name for name in QUOTED.findall(PAGE) if TEST.match(name)]

    assert_tests_exist(quoted, ROOT, "docs/seeds.md")
