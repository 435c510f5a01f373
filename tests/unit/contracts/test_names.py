"""Tests of names that other users may see."""

import pytest
from pydantic import TypeAdapter, ValidationError

from echo_common.contracts.http.base import Name

NAMES = TypeAdapter[str](Name)


@pytest.mark.parametrize(
    "text", ["a\x00b", "a\x1b[31m", "two\nlines", "two\u2028lines", "a\x85b", "exe.\u202egpj", "\u2066a", "\u200b"]
)
def test_names_with_control_characters_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="must be one line of printable characters"):
        NAMES.validate_python(text)


@pytest.mark.parametrize("text", ["Großmutter", "می\u200cرود", "👩\u200d👧", "山田\u3000太郎", "Ada\u00a0L.", "עברית"])
def test_names_in_any_script_are_accepted(text: str) -> None:
    assert NAMES.validate_python(f" {text}\n") == text
