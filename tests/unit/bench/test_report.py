"""Tests of benchmark reports."""

from datetime import date

import pytest

from bench.figure import Comparison, Figure, number
from bench.load import Load
from bench.report import Report
from bench.texts import alike


def test_promises_are_compared_with_the_median():
    assert Figure("P1", "ratio", [0.5, 0.6, 3.0], at_most=0.7).met
    assert not Figure("P5", "ratio", [1.0, 1.5, 9.0], at_least=2).met
    assert Figure("", "only told", [1.0]).met is None


def test_rows_contain_all_values():
    row = Figure("P9", "answer", [10.0, 1234.5, 30.126], "ms", at_most=20, note="busy").row()
    assert row == ("P9", "answer", "30.1 ms", "10 … 1234", "≤ 20 ms", "NOT MET", "busy")


@pytest.mark.parametrize(("value", "said"), [(0.04321, "0.0432"), (12.345, "12.3"), (2533.3, "2533"), (123456.0, "123456")])
def test_numbers_have_no_exponent(value, said):
    assert number(value) == said


def test_unavailable_peers_are_named():
    report = Report([Comparison("other", "does not run here", (), (), note="no | wheel\nfor this machine")])
    assert r"| other | does not run here | — | — | no \| wheel for this machine |" in report.page("bench", 1, date(2026, 1, 31))


def test_pages_have_a_section_for_each_kind_of_result():
    report = Report([Figure("P1", "ratio", [0.5])], failures={"hop": "OSError: gone"}, absent={"relay": "no broker"})
    page = report.page("python -m bench", 5, date(2026, 1, 31))
    assert "Written by `python -m bench` on 2026-01-31, 5 rounds." in page
    assert [line for line in page.splitlines() if line.startswith("#")] == [
        "# Benchmarks",
        "## Promises",
        "## Not measured",
        "## How to read this",
    ]
    assert "| hop | OSError: gone |" in page
    assert "| relay | no broker |" in page


def test_load_results_are_parsed_from_the_log():
    load = Load.read(["1000 200 500", "1200 200 1500", "1500 200 700"])
    assert load.rate == pytest.approx(3 / 0.0017)
    assert load.p50 == 0.7


@pytest.mark.parametrize("lines", [[], ["1000 200 500", "1200 503 10"]])
def test_refused_loads_give_no_figure(lines):
    with pytest.raises(RuntimeError, match="failed"):
        Load.read(lines)


def test_compared_texts_have_equal_lengths():
    texts = alike("seed", 2, 4)
    assert len(set(texts)) == 4
    assert max(map(len, texts)) - min(map(len, texts)) <= 4
