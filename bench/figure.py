"""Results of a measure: figures with their promises, and comparisons with peers."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


class NotMeasuredError(Exception):
    """A missing requirement of a measure on this machine; the message names it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure. `values` has one entry per round; `at_most` or `at_least` is the promised bound of the median."""

    id: str
    what: str
    values: Sequence[float]
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def median(self) -> float:
        """Median of the rounds."""
        return statistics.median(self.values)

    @property
    def promise(self) -> str:
        """The promised bound as text."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g} {self.unit}".strip()
        if self.at_least is not None:
            return f"≥ {self.at_least:g} {self.unit}".strip()
        return "—"

    @property
    def met(self) -> bool | None:
        """True if the median meets the promise; None without a promise."""
        if self.at_most is not None:
            return self.median <= self.at_most
        if self.at_least is not None:
            return self.median >= self.at_least
        return None

    def row(self) -> tuple[str, ...]:
        """Return the cells of the table row."""
        mark = {True: "met", False: "NOT MET", None: ""}[self.met]
        spread = f"{number(min(self.values))} … {number(max(self.values))}" if len(self.values) > 1 else ""
        return (self.id, self.what, f"{number(self.median)} {self.unit}".strip(), spread, self.promise, mark, self.note)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Echo compared with a peer, one entry per round each. If the peer has no values, `note` gives the reason."""

    peer: str
    what: str
    ours: Sequence[float]
    theirs: Sequence[float]
    unit: str = ""
    note: str = ""

    def row(self) -> tuple[str, ...]:
        """Return the cells of the table row."""
        values = (
            f"{number(statistics.median(those))} {self.unit}".strip() if those else "—" for those in (self.ours, self.theirs)
        )
        return (self.peer, self.what, *values, self.note)


Result = Figure | Comparison


def number(value: float) -> str:
    """Format a number with three significant digits and no exponent."""
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}"
