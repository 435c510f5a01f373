"""Texts of a platform cannot control the terminal."""

import json

import pytest

from echo_embedded.terminal_text import printable, printable_json, printable_lines

ESCAPE, CSI, OVERRIDE = "\x1b", "\x9b", "\u202e"


@pytest.mark.parametrize("char", [ESCAPE, CSI, OVERRIDE, "\x07", "\x08", "\x7f", "\r", "\n", "\t", "\u2028", "\ud800"])
def test_characters_that_control_the_terminal_are_removed(char: str) -> None:
    assert printable(f"a{char}[2Jb") == "a[2Jb"


def test_texts_of_other_languages_are_kept() -> None:
    assert printable("Größe, đường 𝄞") == "Größe, đường 𝄞"


def test_lines_stay_apart() -> None:
    assert printable_lines(f"first{ESCAPE}\r\nsecond{CSI}") == "first\nsecond"


@pytest.mark.parametrize("indent", [None, 2])
def test_json_keeps_its_value_and_cannot_control_the_terminal(indent: int | None) -> None:
    value = {f"key{CSI}": [f"a{ESCAPE}b\x7f{OVERRIDE}\n", "Größe", "\U000e0001", 1.5, None]}
    text = printable_json(value, indent=indent)
    assert json.loads(text) == value
    assert all(char.isprintable() or char == "\n" for char in text)
    assert "Größe" in text
