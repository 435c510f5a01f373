"""A figure: rounds of a measurement, and what was promised."""

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
        spread = f"{min(self.values):.3g} … {max(self.values):.3g}" if len(self.values) > 1 else ""
        return (self.id, self.what, f"{self.median:.3g} {self.unit}".strip(), spread, self.promise, mark, self.note)
