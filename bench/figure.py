"""What a measure gives: figures against their promises, and comparisons with peers."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


class NotMeasuredError(Exception):
    """This machine lacks what the measure needs; the message says what."""


@dataclass(frozen=True, slots=True)
class Figure:
    """`values` has one entry a round. `promise` says what holds, `at_most` or `at_least` makes it checkable."""

    id: str
    what: str
    values: Sequence[float]
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def median(self) -> float:
        """The value to quote."""
        return statistics.median(self.values)

    @property
    def promise(self) -> str:
        """As it is printed."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g} {self.unit}".strip()
        if self.at_least is not None:
            return f"≥ {self.at_least:g} {self.unit}".strip()
        return "—"

    @property
    def kept(self) -> bool | None:
        """Whether the median keeps the promise; None without one."""
        if self.at_most is not None:
            return self.median <= self.at_most
        if self.at_least is not None:
            return self.median >= self.at_least
        return None

    def row(self) -> tuple[str, ...]:
        """Cells of the printed table."""
        mark = {True: "kept", False: "BROKEN", None: ""}[self.kept]
        spread = f"{number(min(self.values))} … {number(max(self.values))}" if len(self.values) > 1 else ""
        return (self.id, self.what, f"{number(self.median)} {self.unit}".strip(), spread, self.promise, mark, self.note)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Echo beside a peer, one entry a round each. Without values of the peer's, `note` says why there are none."""

    peer: str
    what: str
    ours: Sequence[float]
    theirs: Sequence[float]
    unit: str = ""
    note: str = ""

    def row(self) -> tuple[str, ...]:
        """Cells of the printed table."""
        values = (
            f"{number(statistics.median(those))} {self.unit}".strip() if those else "—" for those in (self.ours, self.theirs)
        )
        return (self.peer, self.what, *values, self.note)


Result = Figure | Comparison


def number(value: float) -> str:
    """Three digits that matter, and no exponent."""
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}"
