"""A simulated network and clocks for group sessions; all times are milliseconds of the simulation."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

Action = Callable[[], None]


@dataclass
class Schedule:
    """Actions by their time. `now` is the true time, which is that of the database server."""

    now: float = 0.0
    _due: list[tuple[float, int, Action]] = field(default_factory=list)
    _order: "count[int]" = field(default_factory=count)

    def at(self, time: float, action: Action) -> None:
        heapq.heappush(self._due, (max(time, self.now), next(self._order), action))

    def every(self, interval: float, action: Action, start: float = 0.0) -> None:
        def repeat() -> None:
            action()
            self.at(self.now + interval, repeat)

        self.at(start, repeat)

    def run(self, until: float) -> None:
        while self._due and self._due[0][0] <= until:
            self.now, _, action = heapq.heappop(self._due)
            action()


@dataclass(frozen=True)
class LocalClock:
    """A clock that is wrong by an offset and runs too fast by some millionths."""

    schedule: Schedule
    offset: float
    skew_ppm: float = 0.0

    def read(self) -> float:
        return self.schedule.now * (1 + self.skew_ppm / 1e6) + self.offset


@dataclass
class Path:
    """One direction of a connection: in order, with a base delay, jitter, and the time to repeat what was lost."""

    schedule: Schedule
    chance: random.Random
    delay: float
    jitter: float
    loss: float
    _last: float = 0.0

    def send(self, action: Action, held_until: float = 0.0) -> None:
        """Deliver after everything sent before, and not before `held_until`."""
        taken = self.delay + self.chance.expovariate(1 / self.jitter)
        while self.chance.random() < self.loss:
            taken += 200 + 2 * self.delay
        self._last = max(self._last, self.schedule.now + taken, held_until)
        self.schedule.at(self._last, action)
