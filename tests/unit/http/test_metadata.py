"""Tests of the limits of client metadata."""

from typing import Any

import pytest
from pydantic import ValidationError

from echo_common.contracts.http.metadata import MAXIMUM_BYTES, MAXIMUM_KEYS
from echo_common.contracts.http.synthesis import StreamRequest, SynthesizeRequest

VALID = {"project": "Ünï", "chapter": 3, "ratio": 0.5, "draft": True, "editor": None, "big": 2**53}


def metadata(value: Any) -> dict[str, Any]:
    return SynthesizeRequest.model_validate({"text": "Go.", "metadata": value}).metadata


@pytest.mark.parametrize("value", [{}, VALID, {f"key-{number}": number for number in range(MAXIMUM_KEYS)}])
def test_metadata_is_returned_unchanged(value: dict[str, Any]) -> None:
    assert metadata(value) == value
    assert [type(item) for item in metadata(value).values()] == [type(item) for item in value.values()]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "Send an object."),
        ({f"key{number}": 1 for number in range(MAXIMUM_KEYS + 1)}, "There are 51 keys; at most 50 are permitted."),
        ({"$set": 1}, "Keys have 1 to 40 letters"),
        ({"a.b": 1}, "Keys have 1 to 40 letters"),
        ({"": 1}, "Keys have 1 to 40 letters"),
        ({"k" * 41: 1}, "Keys have 1 to 40 letters"),
        ({"nested": {}}, "nested is neither a text"),
        ({"list": [1]}, "list is neither a text"),
        ({"nan": float("nan")}, "nan is neither a text"),
        ({"half": "\ud800"}, "The texts are not of valid Unicode characters"),
        ({"big": 2**53 + 1}, "big is neither a text"),
        ({"text": "ü" * (MAXIMUM_BYTES // 2)}, "The metadata has 4107 bytes as JSON; at most 4096 are permitted."),
    ],
)
def test_metadata_beyond_its_limits_is_refused(value: Any, message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        metadata(value)
    [error] = refused.value.errors()
    assert message in error["msg"]
    assert error["loc"] == ("metadata",)


def test_streams_take_no_metadata() -> None:
    with pytest.raises(ValidationError):
        StreamRequest.model_validate({"text": "Go.", "metadata": {}})
