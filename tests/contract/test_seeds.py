"""docs/seeds.md lists the requests of the suite in tests/e2e/seeds, with their results."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.seeds.documents import DOCUMENTS

PAGE = (Path(__file__).parents[2] / "docs" / "seeds.md").read_text()
ROW = re.compile(r"^\| (.+) \| `(.+)` \| (as written|differs(?=: \S)|not built yet: .+?)(?:: .+)? \|$", re.MULTILINE)


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
