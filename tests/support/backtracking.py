"""Step counts of a backtracking search: the growth of regular expressions with their input, without a clock.

`re` tells nothing of its work, so its own parse tree is run here, in the order in which the engine tries things. Repetitions
with a large bound get a small one, so that a bounded pattern shows its bound within a hundred characters.
"""

import re
import re._constants as op  # type: ignore[import-not-found]
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from re import _compiler, _parser  # type: ignore[attr-defined]
from typing import Any

BOUND = 3
"""What a larger bound of a repetition becomes."""

_FLAGS = re.IGNORECASE | re.DOTALL | re.MULTILINE | re.ASCII | re.UNICODE
_SINGLE = frozenset({op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN})
_REPEATS = frozenset({op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT})

Then = Callable[[int], bool]
Step = Callable[[int, Then], bool]


class Machine:
    """A pattern that counts its `steps`: characters looked at and alternatives tried."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._tree = _parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
        _bound(self._tree)
        self._flags = self._tree.state.flags & _FLAGS
        self.bounded: re.Pattern[str] = _compiler.compile(self._tree, self._flags)
        self.singles: list[Callable[[str], bool]] = []
        self._text = ""
        self._groups: dict[int, tuple[int, int]] = {}
        self.steps = 0
        self._run = self._sequence(self._tree, self._flags)

    def search_all(self, text: str) -> list[tuple[int, int]]:
        """Find the matches of `finditer` and count steps."""
        self._text, self.steps = text, 0
        spans: list[tuple[int, int]] = []
        at, only_longer = 0, False
        while at <= len(text):
            end = self._attempt(at, only_longer=only_longer)
            if end is None:
                at, only_longer = at + 1, False
                continue
            spans.append((at, end))
            at, only_longer = end, end == at
        return spans

    def match(self, text: str) -> tuple[int, int] | None:
        """Match once at the beginning and count steps."""
        self._text, self.steps = text, 0
        end = self._attempt(0, only_longer=False)
        return None if end is None else (0, end)

    def _attempt(self, at: int, *, only_longer: bool) -> int | None:
        """Match at a position, without repeating an empty match."""
        found: list[int] = []

        def done(end: int) -> bool:
            if only_longer and end == at:
                return False
            found.append(end)
            return True

        self._groups.clear()
        self.steps += 1
        return found[0] if self._run(at, done) else None

    def _sequence(self, nodes: Any, flags: int) -> Step:
        steps = [self._node(node, flags) for node in nodes]
        if not steps:
            return lambda at, then: then(at)
        if len(steps) == 1:
            return steps[0]

        def chain(index: int) -> Step:
            step = steps[index]
            if index + 1 == len(steps):
                return step
            rest = chain(index + 1)
            return lambda at, then: step(at, lambda end: rest(end, then))

        return chain(0)

    def _node(self, node: Any, flags: int) -> Step:
        kind, value = node
        if kind in _SINGLE:
            return self._single(node, flags)
        if kind in _REPEATS:
            return self._repeat(kind, value, flags)
        return {
            op.AT: self._at,
            op.BRANCH: self._branch,
            op.SUBPATTERN: self._group,
            op.ATOMIC_GROUP: self._atomic,
            op.ASSERT: self._look,
            op.ASSERT_NOT: self._look_not,
            op.GROUPREF: self._again,
        }[kind](value, flags)

    def _fits(self, node: Any, flags: int) -> Callable[[str], bool]:
        alone = _parser.SubPattern(_parser.State(), [node])
        alone.state.flags = flags
        alone.state.str = ""
        fullmatch = _compiler.compile(alone, flags).fullmatch
        known: dict[str, bool] = {}

        def fits(character: str) -> bool:
            if (found := known.get(character)) is None:
                found = known[character] = fullmatch(character) is not None
            return found

        self.singles.append(fits)
        return fits

    def _single(self, node: Any, flags: int) -> Step:
        fits = self._fits(node, flags)

        def step(at: int, then: Then) -> bool:
            self.steps += 1
            return at < len(self._text) and fits(self._text[at]) and then(at + 1)

        return step

    def _repeat(self, kind: Any, value: Any, flags: int) -> Step:
        least, most, body = value
        if len(body) == 1 and body[0][0] in _SINGLE:
            return self._repeat_single(kind, least, most, self._fits(body[0], flags))
        step = self._sequence(body, flags)

        def greedy(at: int, then: Then, count: int, last: int) -> bool:
            self.steps += 1
            if count < least:
                return step(at, lambda end: greedy(end, then, count + 1, at))
            if (
                kind is not op.MIN_REPEAT
                and count < most
                and at != last
                and step(at, lambda end: end != at and greedy(end, then, count + 1, at))
            ):
                return True
            if then(at):
                return True
            return (
                kind is op.MIN_REPEAT and count < most and step(at, lambda end: end != at and greedy(end, then, count + 1, at))
            )

        def possessive(at: int, then: Then) -> bool:
            count = 0
            while count < most:
                self.steps += 1
                ends: list[int] = []
                if not step(at, lambda end: not ends.append(end)):  # type: ignore[func-returns-value]  # noqa: B023
                    break
                count += 1
                if ends[0] == at:
                    count = max(count, least)
                    break
                at = ends[0]
            return count >= least and then(at)

        return possessive if kind is op.POSSESSIVE_REPEAT else lambda at, then: greedy(at, then, 0, -1)

    def _repeat_single(self, kind: Any, least: int, most: int, fits: Callable[[str], bool]) -> Step:
        def run(at: int, most: int) -> int:
            text, end = self._text, at
            last = min(len(text), at + most)
            while end < last and fits(text[end]):
                end += 1
            self.steps += end - at + 1
            return end

        def greedy(at: int, then: Then) -> bool:
            for end in range(run(at, most), at + least - 1, -1):
                self.steps += 1
                if then(end):
                    return True
            return False

        def lazy(at: int, then: Then) -> bool:
            end = run(at, least)
            while end >= at + least and not then(end):
                if end == at + most or run(end, 1) == end:
                    return False
                end += 1
            return end >= at + least

        def possessive(at: int, then: Then) -> bool:
            end = run(at, most)
            return end >= at + least and then(end)

        return {op.MAX_REPEAT: greedy, op.MIN_REPEAT: lazy, op.POSSESSIVE_REPEAT: possessive}[kind]

    def _at(self, where: Any, flags: int) -> Step:
        alone = _parser.SubPattern(_parser.State(), [(op.AT, where)])
        alone.state.flags = flags
        alone.state.str = ""
        match = _compiler.compile(alone, flags).match

        def step(at: int, then: Then) -> bool:
            self.steps += 1
            return match(self._text, at) is not None and then(at)

        return step

    def _branch(self, value: Any, flags: int) -> Step:
        steps = [self._sequence(part, flags) for part in value[1]]

        def step(at: int, then: Then) -> bool:
            return any(part(at, then) for part in steps)

        return step

    def _group(self, value: Any, flags: int) -> Step:
        number, added, removed, body = value
        step = self._sequence(body, (flags | added) & ~removed)
        if number is None:
            return step

        def remember(at: int, then: Then) -> bool:
            def end(place: int) -> bool:
                before = self._groups.get(number)
                self._groups[number] = at, place
                if then(place):
                    return True
                if before is None:
                    del self._groups[number]
                else:
                    self._groups[number] = before
                return False

            return step(at, end)

        return remember

    def _atomic(self, body: Any, flags: int) -> Step:
        step = self._sequence(body, flags)

        def atomic(at: int, then: Then) -> bool:
            ends: list[int] = []
            return step(at, lambda end: not ends.append(end)) and then(ends[0])  # type: ignore[func-returns-value]

        return atomic

    def _look(self, value: Any, flags: int) -> Step:
        looks = self._looking(value, flags)
        return lambda at, then: looks(at) and then(at)

    def _look_not(self, value: Any, flags: int) -> Step:
        looks = self._looking(value, flags)
        return lambda at, then: not looks(at) and then(at)

    def _looking(self, value: Any, flags: int) -> Callable[[int], bool]:
        direction, body = value
        step = self._sequence(body, flags)
        back = body.getwidth()[0] if direction < 0 else 0

        def looks(at: int) -> bool:
            self.steps += 1
            return at >= back and step(at - back, lambda _: True)

        return looks

    def _again(self, number: int, _: int) -> Step:
        def step(at: int, then: Then) -> bool:
            self.steps += 1
            if (span := self._groups.get(number)) is None:
                return False
            written = self._text[slice(*span)]
            return self._text.startswith(written, at) and then(at + len(written))

        return step

    def examples(self, random: Random, alphabet: str, spare: int) -> Iterator[str]:
        """Strings that the pattern matches, as far as assertions do not matter; up to `spare` repetitions more than are needed."""
        while True:
            yield self._example(self._tree, self._flags, random, alphabet, spare)

    def _example(self, nodes: Any, flags: int, random: Random, alphabet: str, spare: int) -> str:
        return "".join(self._example_of(kind, value, flags, random, alphabet, spare) for kind, value in nodes)

    def _example_of(self, kind: Any, value: Any, flags: int, random: Random, alphabet: str, spare: int) -> str:
        if kind is op.LITERAL:
            return chr(value)
        if kind in _SINGLE:
            fits = self._fits((kind, value), flags)
            self.singles.pop()
            return random.choice([each for each in alphabet if fits(each)] or [""])
        if kind in _REPEATS:
            least, most, body = value
            count = random.randint(least, min(most, least + spare))
            return "".join(self._example(body, flags, random, alphabet, spare) for _ in range(count))
        if kind is op.BRANCH:
            return self._example(random.choice(value[1]), flags, random, alphabet, spare)
        if kind is op.SUBPATTERN:
            return self._example(value[3], flags, random, alphabet, spare)
        return self._example(value, flags, random, alphabet, spare) if kind is op.ATOMIC_GROUP else ""


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Allow the nested calls of a match of a few hundred characters."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def characters_of(pattern: re.Pattern[str]) -> str:
    """Return the characters of a pattern, including the ends of ranges."""
    found: set[str] = set()
    _gather(_parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG), found)
    return "".join(sorted(found))


def _gather(nodes: Any, found: set[str]) -> None:
    for node in nodes:
        if isinstance(node, tuple) and len(node) == 2 and node[0] in {op.LITERAL, op.NOT_LITERAL}:
            found.add(chr(node[1]))
        elif isinstance(node, tuple) and len(node) == 2 and node[0] is op.RANGE:
            found.update(map(chr, node[1]))
        elif isinstance(node, list | tuple | _parser.SubPattern):
            _gather(node, found)


def _bound(tree: Any) -> None:
    """Reduce every large bound of a repetition, in place."""
    for index, node in enumerate(tree):
        kind, value = node
        if kind in _REPEATS:
            least, most, body = value
            _bound(body)
            if most is not op.MAXREPEAT and most > max(BOUND, least):
                most = max(BOUND, least)
            tree[index] = (kind, (least, most, body))
        elif kind is op.BRANCH:
            for part in value[1]:
                _bound(part)
        elif kind is op.SUBPATTERN:
            _bound(value[3])
        elif kind is op.ATOMIC_GROUP:
            _bound(value)
        elif kind in {op.ASSERT, op.ASSERT_NOT}:
            _bound(value[1])
