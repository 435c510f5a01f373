"""The pages of promises name tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUOTED = re.compile(r"`([^`\s]+)`")


def names_in(source: Path) -> set[str]:
    tree = ast.parse(source.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}


@pytest.mark.parametrize("page", ["reliability.md", "security.md"])
def test_every_promise_names_tests_that_exist(page: str) -> None:
    rows = [line for line in (ROOT / "docs" / page).read_text().splitlines() if line.startswith("| ")]
    promises = [row for row in rows if row not in ("| promise | test |", "| --- | --- |")]
    assert promises
    for row in promises:
        file = ""
        tests = QUOTED.findall(row.strip().removesuffix("|").rpartition(" | ")[2])
        assert tests, row
        for test in tests:
            path, _, name = test.partition("::")
            file = path or file
            source = ROOT / "tests" / file
            assert source.is_file(), f"{test}: {row}"
            assert set(filter(None, name.split("::"))) <= names_in(source), f"{test}: {row}"
