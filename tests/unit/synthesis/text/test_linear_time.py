"""The work on a text grows linearly with its length, for any content."""

import ast
import importlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice, product
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import emoji
import pytest

import echo_auth
import echo_common
import echo_feedback
import echo_gateway
import echo_synthesis
import echo_synthesis.text
import echo_voice
from echo_common.errors import ValidationError
from echo_synthesis.domain import Pronunciation
from echo_synthesis.text import emoji as emoji_rules
from echo_synthesis.text.lexicon import pattern_of
from echo_synthesis.text.locale_rules import LOCALE_RULES
from echo_synthesis.text.normalization import NormalizationOptions, compose, rules_for
from echo_synthesis.text.verbalization import Rule, verbalize
from tests.support.backtracking import Machine, characters_of, deep_recursion

pytestmark = pytest.mark.slow

_ADVERSARIAL = "\0\n\t aAxX19_-.,:;/\\|`~*#>[](){}<&'\"@$%+=!é\u0301\u200d\N{GRINNING FACE}中"
_KNOWN = (
    ("[a]:", "/", " x"),
    ("", " ", "x|"),
    ("# a", " ", "b"),
    ("", "~", "`"),
    ("", "1x1..", ""),
    ("$1-", "2.", "x"),
    ("", "a.", "@"),
    ("www.", "a-", "!"),
    ("", "<a ", ""),
    ("", "[a](", ""),
    ("+", "1 (", ""),
)
"""Texts that once took, or might take, the square of their length."""
_OF_OUR_OWN = {"echo_common.store.sqlite.failures._UNIQUE"}
"""Patterns for messages that hold names of our own and nothing of a user's."""
_TERMS = ("a", "New York", "C++", ".net", "a a a", "a.b", "'n", "1 000")
_LENGTH, _FEWEST = 24, 3
"""How much is added to a text each time: so many characters, and so many repetitions at least."""


@dataclass(frozen=True)
class Used:
    """A pattern and how it is used: once on a line or a word, or at every place of a text."""

    name: str
    pattern: re.Pattern[str]
    everywhere: bool


def _modules() -> Iterator[tuple[ModuleType, str]]:
    """Return the modules that compile a pattern, and all of `text`."""
    for package in (echo_auth, echo_common, echo_feedback, echo_gateway, echo_synthesis, echo_voice):
        for path in package.__path__:
            for file in sorted(Path(path).rglob("*.py")):
                source = file.read_text()
                name = ".".join((package.__name__, *file.relative_to(path).with_suffix("").parts)).removesuffix(".__init__")
                if "re.compile(" in source or "Rules()" in source or name.startswith(echo_synthesis.text.__name__):
                    yield importlib.import_module(name), source


def _patterns() -> Iterator[Used]:
    for module, source in _modules():
        once = _matched_once(source)
        for name, value in vars(module).items():
            for each in _each(value):
                if isinstance(each, Rule):
                    yield Used(f"{module.__name__}.{name}", each.pattern, True)
                elif isinstance(each, re.Pattern) and isinstance(each.pattern, str):
                    yield Used(f"{module.__name__}.{name}", each, name not in once)
    for language in ("en-US", "en-GB", "xx", *LOCALE_RULES):
        yield from (Used(f"rules_for({language!r})", rule.pattern, True) for rule in rules_for(language))
    for term in _TERMS:
        yield Used(f"pattern_of({term!r})", re.compile(pattern_of(term), re.IGNORECASE), True)


def _each(value: object) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else (value,)


def _matched_once(source: str) -> set[str]:
    """Return the names of patterns that are only matched at the beginning of a line or a word."""
    places: dict[str, set[bool]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            once = node.func.attr == "fullmatch" or (
                node.func.attr == "match" and (len(node.args) != 2 or isinstance(node.args[1], ast.Starred))
            )
            places.setdefault(node.func.value.id, set()).add(once)
    return {name for name, kinds in places.items() if kinds == {True}}


def _distinct() -> list[Used]:
    found: dict[tuple[str, int, bool], Used] = {}
    for used in _patterns():
        if used.name in _OF_OUR_OWN:
            continue
        found.setdefault((used.pattern.pattern, used.pattern.flags, used.everywhere), used)
    return list(found.values())


PATTERNS = _distinct()


def test_every_pattern_is_visible_to_this_test() -> None:
    [folder] = echo_synthesis.text.__path__
    inside = {
        f"{file.relative_to(folder)}:{function.name}"
        for file in Path(folder).rglob("*.py")
        for function in ast.walk(ast.parse(file.read_text()))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "re"
        if node.func.attr != "escape"
    }
    assert inside == {"verbalization.py:add", "verbalization.py:register", "lexicon.py:match"}


@pytest.mark.parametrize("used", PATTERNS, ids=lambda used: used.name)
def test_patterns_take_linear_steps(used: Used) -> None:
    machine = Machine(used.pattern)
    with deep_recursion():
        for before, again, after in _pumped(used.pattern, machine):
            assert machine.search_all(before + 2 * again + after) == [
                found.span() for found in machine.bounded.finditer(before + 2 * again + after)
            ]
            bend = _bend(machine, used, before, again, after, 1)
            if bend > 2 * _LENGTH:  # a bound that is reached, which stays as it is, or work that grows faster than the text
                assert _bend(machine, used, before, again, after, 2) <= 2 * bend, f"{before!r} + {again!r} * n + {after!r}"


def _bend(machine: Machine, used: Used, before: str, again: str, after: str, scale: int) -> int:
    """Return the additional cost of the third part of a text over the second; zero if the cost is linear."""
    work = machine.search_all if used.everywhere else machine.match
    number = scale * max(_FEWEST, -(-_LENGTH // len(again)))
    steps = []
    for times in (1, 2, 3):
        work(before + again * number * times + after)
        steps.append(machine.steps)
    return steps[2] - 2 * steps[1] + steps[0]


def _pumped(pattern: re.Pattern[str], machine: Machine) -> Iterator[tuple[str, str, str]]:
    """Return texts `before + again * n + after` from full, partial and near matches of the pattern."""
    random = Random(ascii(pattern.pattern))
    alphabet = "".join(dict.fromkeys(characters_of(pattern) + _ADVERSARIAL))
    kinds = list({tuple(fits(each) for fits in machine.singles): each for each in alphabet}.values())
    yield from _KNOWN
    for again in (*kinds, *map("".join, random.sample(list(product(kinds, kinds)), min(20, len(kinds) ** 2)))):
        yield "", again, random.choice(kinds)
    shortest = min(islice(machine.examples(random, alphabet, 0), 10), key=len)
    for sign in kinds:
        yield "", shortest + sign, ""
        yield "", shortest + 2 * sign, ""
        yield shortest, sign, random.choice(kinds)
    for example in chain.from_iterable(islice(machine.examples(random, alphabet, spare), 6) for spare in (0, 1, 2)):
        for _ in range(4):
            start = random.randint(0, len(example))
            end = random.randint(start, len(example))
            again = example[start:end] + random.choice(["", *kinds])
            if again:
                yield example[:start], again, random.choice(["", *kinds, example[end:]])


_HARD = (
    ("", "/", " x"),
    ("", "a", ""),
    ("", "\n", "1."),
    ("", "[a](", ""),
    ("", "<a ", ""),
    ("", "&#", ""),
    ("", "1,000x", ""),
    ("", "$1-", ""),
    ("", "a.b@", ""),
    ("", "e\u0301", ""),
    ("", "\N{MAN}\u200d", ""),
    ("\u202e", "\N{ARABIC LETTER ALEF}1", ""),
    ("", "> # a\n", ""),
    ("| a\n|-\n", "| 1 ", ""),
    ("", "Mr. A. ", ""),
    ("<speak>", "<break time='1ms'/>a", "</speak>"),
    ("<speak>", "<sub alias='b'>a</sub> &amp;", "</speak>"),
    ("<speak>", "<p>a</p>", "</speak"),
)


@pytest.mark.parametrize("language", ["en-US", "de"])
@pytest.mark.parametrize(("before", "again", "after"), _HARD)
def test_planning_takes_linear_steps(before: str, again: str, after: str, language: str) -> None:
    def lines(times: int) -> int:
        return _lines(before + again * (times * 800 // len(again)) + after, NormalizationOptions(language))

    lines(3)  # what is read once is remembered
    once, twice, thrice = lines(1), lines(2), lines(3)
    assert thrice - 2 * twice + once <= thrice / 10


def test_long_runs_of_emoji_are_split_before_the_quadratic_library(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    known = emoji.emoji_list

    def emoji_list(run: str) -> list[Any]:
        asked.append(len(run))
        return list(known(run))

    monkeypatch.setattr(emoji, "emoji_list", emoji_list)
    verbalize("\N{MAN}\u200d" * 2_000, emoji_rules.rules("en"))
    assert asked
    assert max(asked) <= 200


def test_terms_with_a_common_beginning_are_not_all_tried_at_every_word() -> None:
    terms = tuple(Pronunciation(term=f"a a {number}", respelling="b") for number in range(1_000))

    def lines(entries: int) -> int:
        return _lines("a " * 1_000, NormalizationOptions("en-US", pronunciations=terms[:entries], normalize=False))

    lines(1)
    assert lines(1_000) <= 2 * lines(1)


def _lines(text: str, options: NormalizationOptions) -> int:
    """Count the executed lines of Python for planning a text, including libraries."""
    counted = 0

    def count(_: object, event: str, __: object) -> Callable[..., Any]:
        nonlocal counted
        counted += event == "line"
        return count

    sys.settrace(count)
    try:
        with suppress(ValidationError):
            compose(text, options, 400)
    finally:
        sys.settrace(None)
    return counted
