"""Filters of the portable query language as predicates of documents."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from echo_common.store.codec import normalize
from echo_common.store.port import Document, Filter
from echo_common.store.sqlite.values import Key, key_of, kind_of, values_at

Predicate = Callable[[Document], bool]
Test = Callable[[Sequence[Any]], bool]
"""Predicate of the values at a path; a missing field has none."""


class Wanted(NamedTuple):
    """A normalised filter and its predicate."""

    where: Filter
    accepts: Predicate

    @classmethod
    def of(cls, where: Filter) -> "Wanted":
        """Take a copy of a filter. Raises `ValueError` for an operator that is not portable."""
        copy: Filter = normalize(where)
        return cls(copy, matcher(copy))


def matcher(where: Filter) -> Predicate:
    """Return the predicate of a normalised filter. Raises `ValueError` for an operator that is not portable."""
    checks = [_check(name, condition) for name, condition in where.items()]
    if len(checks) == 1:
        return checks[0]
    return lambda document: all(check(document) for check in checks)


def is_operators(condition: Any) -> bool:
    """Return whether a condition consists of operators rather than a value to equal."""
    return isinstance(condition, Mapping) and next(iter(condition), "").startswith("$")


def member_test(condition: Any) -> Callable[[Any], bool]:
    """Return the test of an array's members for `$elemMatch` and `$pull`."""
    if is_operators(condition):
        test = _all_of(condition)
        return lambda member: test([member])
    if isinstance(condition, Mapping):
        matches = matcher(condition)
        return lambda member: isinstance(member, dict) and matches(member)
    key = key_of(condition)
    return lambda member: key_of(member) == key


def _check(name: str, condition: Any) -> Predicate:
    if name in {"$or", "$and"}:
        branches = [matcher(branch) for branch in condition]
        combine = any if name == "$or" else all
        return lambda document: combine(branch(document) for branch in branches)
    if name.startswith("$"):
        raise ValueError(f"{name} is not portable")
    test = _all_of(condition) if is_operators(condition) else _equals(condition)
    path = name.split(".")
    if len(path) > 1:
        return lambda document: test(list(values_at(document, path)))
    return lambda document: test([document[name]] if name in document else [])


def _all_of(condition: Mapping[str, Any]) -> Test:
    tests = [_operator(name, operand) for name, operand in condition.items()]
    return tests[0] if len(tests) == 1 else lambda values: all(test(values) for test in tests)


def _operator(name: str, operand: Any) -> Test:
    if name not in _OPERATORS:
        raise ValueError(f"{name} is not portable")
    return _OPERATORS[name](operand)


def _members(values: Sequence[Any]) -> Sequence[Any]:
    """Return values, and the members of those that are arrays."""
    return [*values, *(member for value in values if isinstance(value, list) for member in value)]


def _equals(operand: Any) -> Test:
    return _in([operand])


def _in(operand: Sequence[Any]) -> Test:
    keys = {key_of(value) for value in operand}
    if None in keys:
        return lambda values: not values or any(key_of(value) in keys for value in _members(values))
    return lambda values: any(key_of(value) in keys for value in _members(values))


def _not(test: Test) -> Test:
    return lambda values: not test(values)


def _compares(holds: Callable[[Any, Any], bool]) -> Callable[[Any], Test]:
    def build(operand: Any) -> Test:
        key = key_of(operand)
        kind = kind_of(key)

        def passes(other: Key) -> bool:
            return kind_of(other) == kind and holds(sort_value(other), sort_value(key))

        return lambda values: any(passes(key_of(value)) for value in _members(values))

    return build


def sort_value(key: Key) -> Any:
    """Return a key that compares with keys of its kind; nulls are equal."""
    return 0 if key is None else key


def _exists(operand: Any) -> Test:
    return lambda values: bool(values) == bool(operand)


def _regex(operand: str) -> Test:
    found = re.compile(operand).search
    return lambda values: any(isinstance(value, str) and found(value) is not None for value in _members(values))


def _elem_match(operand: Any) -> Test:
    passes = member_test(operand)
    return lambda values: any(isinstance(value, list) and any(passes(member) for member in value) for value in values)


_OPERATORS: Mapping[str, Callable[[Any], Test]] = {
    "$eq": _equals,
    "$ne": lambda operand: _not(_equals(operand)),
    "$in": _in,
    "$nin": lambda operand: _not(_in(operand)),
    "$lt": _compares(lambda one, other: one < other),
    "$lte": _compares(lambda one, other: one <= other),
    "$gt": _compares(lambda one, other: one > other),
    "$gte": _compares(lambda one, other: one >= other),
    "$exists": _exists,
    "$regex": _regex,
    "$not": lambda operand: _not(_all_of(operand)),
    "$elemMatch": _elem_match,
}
