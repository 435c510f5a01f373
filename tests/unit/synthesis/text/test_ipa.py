"""Pronunciations are split into the symbols of an engine, and joined again."""

# ruff: noqa: RUF001  (IPA)
import unicodedata
from typing import Literal

import pytest

from echo_synthesis.engines.kokoro.alphabet import TOKENS
from echo_synthesis.text.ipa import join_symbols, split_composed, split_decomposed


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(
    ("ipa", "symbols"), [("ɪç", ["ɪ", "ç"]), ("sãu", ["s", "a", "\u0303", "u"]), ("'ga:", ["ˈ", "ɡ", "a", "ː"])]
)
def test_accents_stay_with_their_letters_where_the_engine_has_them_together(
    form: Literal["NFC", "NFD"], ipa: str, symbols: list[str]
) -> None:
    assert list(split_composed(unicodedata.normalize(form, ipa), TOKENS)) == symbols


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_are_separate_for_other_engines(form: Literal["NFC", "NFD"]) -> None:
    assert list(split_decomposed(unicodedata.normalize(form, "'ɪç"))) == ["ˈ", "ɪ", "c", "\u0327"]


def test_joined_symbols_have_single_spaces_and_composed_letters() -> None:
    assert join_symbols([" ", "ɪ", "c", "\u0327", " ", " ", "b", " "]) == "ɪç b"
