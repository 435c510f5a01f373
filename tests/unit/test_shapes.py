"""Tests of the comparison with expected shapes, on which the suite of the seed documents relies."""

from typing import Any

import pytest

from tests.support.shapes import ABSENT, Differs, differs, mismatches

JOB = {"id": "job_1", "progress": 0, "done": False, "words": [{"word": "Hello", "start_time": 0.5}], "error": None}


@pytest.mark.parametrize(
    "shape",
    [
        {"id": str, "progress": float, "done": bool, "error": None},
        {"progress": 0.0, "words": [{"word": str, "start_time": float}]},
        {"words": ({"word": "Hello"},), "chapters": ABSENT},
        {"error": str | None, "id": Differs(written=int, found=str)},
    ],
)
def test_values_of_the_shape_are_accepted(shape: Any) -> None:
    assert list(mismatches(shape, JOB)) == []


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ({"text": str}, "response.text: is missing"),
        ({"id": ABSENT}, "response.id: is present"),
        ({"id": "job_2"}, "response.id: 'job_1' instead of 'job_2'"),
        ({"done": int}, "response.done: False is not of type <class 'int'>"),
        ({"error": str}, "response.error: None is not of type <class 'str'>"),
        ({"words": [{"word": int}]}, "response.words[0].word: 'Hello' is not of type <class 'int'>"),
        ({"words": ({}, {})}, "has not the expected items"),
        ({"words": {}}, "is not an object"),
        ({"id": Differs(written=str, found=str)}, "response.id: 'job_1' is as written, no longer different"),
        ({"id": Differs(written=int, found=int)}, "response.id: 'job_1' is not of type <class 'int'>"),
    ],
)
def test_deviations_are_named_with_their_place(shape: Any, sentence: str) -> None:
    [found] = mismatches(shape, JOB)

    assert sentence in found


def test_empty_lists_have_no_items_of_any_shape() -> None:
    assert list(mismatches([dict], [])) == ["response: [] has not the expected items"]


def test_deliberate_differences_are_found_in_nested_shapes() -> None:
    assert differs({"data": [{"id": Differs(str, ABSENT)}]})
    assert not differs({"data": [{"id": str}]})
