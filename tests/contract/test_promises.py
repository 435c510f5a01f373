"""Promises and decisions quote tests that exist, and decision records are complete."""

import ast
import re
from collections.abc import Iterable
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECORDS = sorted((ROOT / "docs" / "adr").glob("*.md"))
QUOTED = re.compile(r"`([^`\s]+)`")
TEST = re.compile(r"^(?:tests/.*|::test_\w+|\S+::test_\w+)$")
STATUS = re.compile(
    r"^- Status: (?:proposed|accepted|rejected|superseded by \[ADR \d+\]\((?P<successor>\d{4}-[\w-]+\.md)\))$", re.MULTILINE
)
DATE = re.compile(r"^- Date: (\S+)$", re.MULTILINE)
PAGE_WORDS = 500


def names_in(source: Path) -> set[str]:
    tree = ast.parse(source.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}


def assert_tests_exist(tests: Iterable[str], folder: Path, quoted_in: str) -> None:
    """Check quoted tests; one without a path is in the file of the quoted test before it."""
    file = ""
    for test in tests:
        path, _, name = test.partition("::")
        file = path or file
        source = folder / file
        assert file, f"{test} has no file: {quoted_in}"
        assert source.is_dir() if file.endswith("/") else source.is_file(), f"{test}: {quoted_in}"
        names = set(filter(None, name.split("::")))
        assert not names or names <= names_in(source), f"{test}: {quoted_in}"


@pytest.mark.parametrize("page", ["reliability.md", "security.md"])
def test_every_promise_names_tests_that_exist(page: str) -> None:
    lines = (ROOT / "docs" / page).read_text().splitlines()
    headings = {line for line, following in pairwise(lines) if following.startswith("| ---")}
    promises = [line for line in lines if line.startswith("| ") and line not in headings and not line.startswith("| ---")]
    assert promises
    for row in promises:
        tests = QUOTED.findall(row.strip().removesuffix("|").rpartition(" | ")[2])
        assert tests, row
        assert_tests_exist(tests, ROOT / "tests", row)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
class TestDecisionRecords:
    def test_a_record_has_a_numbered_title_a_status_and_a_date(self, record: Path) -> None:
        text = record.read_text()
        status = STATUS.search(text)
        day = DATE.search(text)

        assert text.startswith(f"# {int(record.name[:4])}. ")
        assert status, "status: proposed, accepted, rejected, or superseded by [ADR n](file)"
        assert status["successor"] is None or record.with_name(status["successor"]).is_file()
        assert day, "date: - Date: YYYY-MM-DD"
        assert date.fromisoformat(day[1]).isoformat() == day[1]

    def test_a_record_has_all_sections_on_one_page(self, record: Path) -> None:
        text = record.read_text()

        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
        assert len(text.split()) <= PAGE_WORDS

    def test_the_tests_that_a_record_quotes_exist(self, record: Path) -> None:
        tests = [quoted for quoted in QUOTED.findall(record.read_text()) if TEST.match(quoted)]

        assert_tests_exist(tests, ROOT, record.name)
