"""Pronunciations in IPA, as users write them and as engines speak them."""

# ruff: noqa: RUF001  (IPA)
import unicodedata
from collections.abc import Container, Iterable, Iterator

_TYPED = {"g": "ɡ", ":": "ː", "'": "ˈ"}
"""Common substitutes for IPA symbols."""


def split_composed(ipa: str, known: Container[str]) -> Iterator[str]:
    """Yield the symbols of a pronunciation: letters with their accents as one symbol where that is `known`."""
    for symbol in unicodedata.normalize("NFC", ipa):
        typed = _TYPED.get(symbol, symbol)
        yield from typed if typed in known else unicodedata.normalize("NFD", typed)


def split_decomposed(ipa: str) -> Iterator[str]:
    """Yield the symbols of a pronunciation; accents are separate from their letters."""
    for symbol in unicodedata.normalize("NFD", ipa):
        yield _TYPED.get(symbol, symbol)


def join_symbols(symbols: Iterable[str]) -> str:
    """Return the pronunciation that consists of these symbols, with single spaces."""
    return unicodedata.normalize("NFC", " ".join("".join(symbols).split()))
