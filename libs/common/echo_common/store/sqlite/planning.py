"""Filters and sort orders in SQL.

SQL narrows a search by the columns of indexed paths. The predicate of `matching` checks the remaining documents for conditions
that SQL cannot express exactly, so a plan may leave conditions out.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echo_common.store.port import Filter, Sort
from echo_common.store.sqlite.matching import is_operators
from echo_common.store.sqlite.schema import Table, column
from echo_common.store.sqlite.values import Key, key_of, kind_of

MOST_VALUES = 8192
"""Maximum number of values of one `$in` that are looked up in an index."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A condition in SQL with its parameters. Every match passes it; when `exact`, only matches pass it."""

    sql: str = ""
    values: tuple[Key, ...] = ()
    exact: bool = True

    @property
    def where(self) -> str:
        """The condition as the end of a statement."""
        return f" WHERE {self.sql}" if self.sql else ""


_ANYTHING = Clause(exact=False)
_NOTHING = Clause("0")


def narrowed(where: Filter, table: Table) -> Clause:
    """Return the part of a normalised filter that SQL can express."""
    return _joined("AND", [_clause(name, condition, table) for name, condition in where.items()])


def ordered(sort: Sort, table: Table) -> str | None:
    """Return the end of a statement that sorts; None when columns cannot express the order."""
    if any(name != "_id" and (name not in table.paths or name in table.arrays) for name, _ in sort):
        return None
    terms = [f"{_column(name)} {'ASC' if order == 1 else 'DESC'}" for name, order in sort]
    return f" ORDER BY {', '.join(terms)}" if terms else ""


def _column(path: str) -> str:
    return "id" if path == "_id" else column(path)


def _clause(name: str, condition: Any, table: Table) -> Clause:
    if name == "$and":
        return _joined("AND", [narrowed(branch, table) for branch in condition])
    if name == "$or":
        branches = [narrowed(branch, table) for branch in condition]
        return _joined("OR", branches) if all(branch.sql for branch in branches) else _ANYTHING
    if name != "_id" and name not in table.paths:
        return _ANYTHING
    operators = condition if is_operators(condition) else {"$eq": condition}
    build = _array_clause if name in table.arrays else _column_clause
    return _joined("AND", [build(name, operator, operand, table) for operator, operand in operators.items()])


def _joined(word: str, clauses: Sequence[Clause]) -> Clause:
    said = [clause for clause in clauses if clause.sql]
    exact = all(clause.exact for clause in clauses)
    if len(said) == 1:
        return Clause(said[0].sql, said[0].values, exact)
    sql = f" {word} ".join(f"({clause.sql})" for clause in said)
    return Clause(sql, tuple(value for clause in said for value in clause.values), exact)


def _column_clause(path: str, operator: str, operand: Any, _: Table) -> Clause:
    build = _OPERATORS.get(operator)
    return build(_column(path), operand) if build else _ANYTHING


def _array_clause(path: str, operator: str, operand: Any, table: Table) -> Clause:
    """Return the clause for a column, or for an array's members. Exclusions are left to the predicate."""
    if operator not in _INCLUDING or operand is None or (operator == "$in" and None in operand):
        return _ANYTHING
    own, members = _OPERATORS[operator](_column(path), operand), _OPERATORS[operator]("key", operand)
    if not own.sql:
        return _ANYTHING
    sql = f"{own.sql} OR rowid IN (SELECT row FROM {table.members_table(path)} WHERE {members.sql})"
    return Clause(sql, own.values + members.values, exact=False)


def _equal(name: str, operand: Any) -> Clause:
    if operand is None:
        return Clause(f"{name} IS NULL")
    return Clause(f"{name} = ?", (key_of(operand),), exact=not _is_infinite(operand))


def _unequal(name: str, operand: Any) -> Clause:
    if operand is None:
        return Clause(f"{name} IS NOT NULL")
    return _ANYTHING if _is_infinite(operand) else Clause(f"{name} IS NOT ?", (key_of(operand),))


def _in(name: str, operand: Sequence[Any]) -> Clause:
    keys = [key_of(value) for value in operand if value is not None]
    exact = not any(_is_infinite(value) for value in operand)
    if len(keys) > MOST_VALUES:
        return _ANYTHING
    one_of = Clause(f"{name} IN ({_places(keys)})", _padded(keys), exact) if keys else _NOTHING
    return _joined("OR", [one_of, _equal(name, None)]) if None in operand else one_of


def _not_in(name: str, operand: Sequence[Any]) -> Clause:
    keys = [key_of(value) for value in operand if value is not None]
    if len(keys) > MOST_VALUES or any(_is_infinite(value) for value in operand):
        return _ANYTHING
    present = Clause(f"{name} IS NOT NULL")
    if not keys:
        return present if None in operand else Clause()
    others = Clause(f"{name} NOT IN ({_places(keys)})", _padded(keys))
    return _joined("AND", [present, others]) if None in operand else _joined("OR", [_equal(name, None), others])


def _padded(keys: Sequence[Key]) -> tuple[Key, ...]:
    """Repeat the last key up to a power of two, so that few statements differ only in their number of values."""
    return (*keys, *[keys[-1]] * ((1 << (len(keys) - 1).bit_length()) - len(keys)))


def _places(keys: Sequence[Key]) -> str:
    return ", ".join("?" * len(_padded(keys)))


def _is_infinite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _comparison(sign: str) -> Callable[[str, Any], Clause]:
    """Build comparisons that end where the values of the operand's kind end."""

    def build(name: str, operand: Any) -> Clause:
        key = key_of(operand)
        if key is None or isinstance(operand, dict | list) or _is_infinite(operand):
            return _ANYTHING
        first, end = _bounds(key)
        if sign in {">", ">="}:
            return Clause(f"{name} {sign} ? AND {name} < ?", (key, end))
        return Clause(f"{name} {sign} ?", (key,)) if first is None else Clause(f"{name} >= ? AND {name} {sign} ?", (first, key))

    return build


def _bounds(key: Key) -> tuple[Key, Key]:
    """Return the least key of a key's kind (None if no other kind is less), and the first key of the next kind."""
    rank, place = kind_of(key)
    if rank == 1:
        return None, ""
    return ("", b"") if rank == 2 else (place, bytes([place[0] + 1]))


_OPERATORS: Mapping[str, Callable[[str, Any], Clause]] = {
    "$eq": _equal,
    "$ne": _unequal,
    "$in": _in,
    "$nin": _not_in,
    "$lt": _comparison("<"),
    "$lte": _comparison("<="),
    "$gt": _comparison(">"),
    "$gte": _comparison(">="),
}
_INCLUDING = frozenset({"$eq", "$in", "$lt", "$lte", "$gt", "$gte"})
