"""The session clock of this replica: an estimate of the time of the database server, on the monotonic clock of the process."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog

from echo_common.background_tasks import continue_after_errors, running_in_background
from echo_common.store.port import DuplicateError, Store
from echo_listening.domain.clock_offset import ClockOffset, ClockSample
from echo_listening.domain.session_clock import ClockSteps, StepDetector

_INTERVAL_SECONDS: Final = 2.0
_FAST_SECONDS: Final = 0.2
_KEY: Final = "clock"
_log = structlog.get_logger("echo.listening")


class SessionClock:
    """The clock that stamps commands and answers pings. All replicas follow that of the database, and its steps.

    `monotonic` returns seconds.
    """

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._documents = store.collection("session_clock")
        self._monotonic = monotonic
        self._offset = ClockOffset()
        self._detector = StepDetector()
        self._steps = ClockSteps()
        self._uncertain = False

    async def prepare(self) -> None:
        """Create the collection and measure the clock; call once at start."""
        await self._documents.ensure([])
        await self._read_steps()
        self._offset.add(await self._measure())

    @property
    def number(self) -> int:
        """The number of the clock; another one means that it has made a step."""
        return self._steps.number

    def now(self) -> int:
        """Return the time in milliseconds."""
        return round(self._monotonic() * 1000 + (self._offset.value or 0.0))

    def moved(self, at: int, number: int) -> int:
        """Return a time of the clock with an earlier number on the present one."""
        return self._steps.moved(at, number)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the clock of the database while the context lasts."""
        async with running_in_background(self._follow()):
            yield

    async def follow_once(self) -> None:
        """Measure once; adopt the steps that other replicas have found, and add one that is certain here."""
        sample = await self._measure()
        known = self._offset.value
        step = None if known is None else self._detector.add(known, sample.round_trip, sample.offset)
        self._uncertain = self._detector.suspicious
        if await self._read_steps():
            self._offset.clear()
            self._detector = StepDetector()
            sample = await self._measure()
        elif step is not None:
            await self._add_step(step)
            self._offset.clear()
        elif self._uncertain:
            return  # a deviating sample does not count until its step is certain
        self._offset.add(sample)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(_FAST_SECONDS if self._uncertain else _INTERVAL_SECONDS)
            with continue_after_errors(_log, "session_clock"):
                await self.follow_once()

    async def _measure(self) -> ClockSample:
        sent = self._monotonic() * 1000
        moment = (await self._store.time()).timestamp() * 1000
        return ClockSample(sent=sent, received=moment, answered=moment, returned=self._monotonic() * 1000)

    async def _read_steps(self) -> bool:
        """Read the steps that the replicas have found; return whether there are new ones."""
        found: dict[str, Any] | None = await self._documents.find_one({"_id": _KEY})
        steps = ClockSteps(tuple(found["steps"]) if found else ())
        if steps.number <= self._steps.number:
            return False
        self._steps = steps
        return True

    async def _add_step(self, step: int) -> None:
        """Add a step, unless another replica was faster, whose step is the same one."""
        number = self._steps.number
        added = {"$set": {"number": number + 1}, "$push": {"steps": step}}
        if not await self._documents.update_one({"_id": _KEY, "number": number}, added) and not number:
            try:
                await self._documents.insert({"_id": _KEY, "number": 1, "steps": [step]})
            except DuplicateError:
                _log.info("session_clock_step_known", number=number + 1)
        await self._read_steps()
        _log.warning("session_clock_stepped", milliseconds=step, number=self._steps.number)
