"""Consumers attached as soon as the broker is reachable."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from echo_common.background_tasks import report_failure
from echo_common.backoff import Backoff
from echo_common.bus.port import Bus, BusUnavailableError, Consumer

_AT_START_SECONDS = 3.0
_BACKOFF = Backoff(0.2, 3.0)

log = structlog.get_logger(__name__)


class Attachment:
    """Background task that attaches a service's consumers to its bus and retries while the broker is unreachable."""

    def __init__(self, bus: Bus, consumers: Sequence[Consumer]) -> None:
        self._bus = bus
        self._waiting = list(consumers)
        self._started = False

    @classmethod
    @asynccontextmanager
    async def running(cls, bus: Bus, consumers: Sequence[Consumer]) -> AsyncIterator["Attachment"]:
        """Yield once all consumers are attached, or after a few seconds; attach the remaining ones in the background."""
        attachment = cls(bus, consumers)
        task = asyncio.create_task(attachment._attach())
        try:
            await asyncio.wait({task}, timeout=_AT_START_SECONDS)
            if task.done():
                task.result()
            attachment._started = True
            yield attachment
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def check(self) -> None:
        """Raise `BusUnavailableError` unless messages can be sent and all consumers are attached."""
        await self._bus.ping()
        if self._waiting:
            raise BusUnavailableError(f"The broker is back; {len(self._waiting)} consumers are not attached yet.")

    async def _attach(self) -> None:
        while self._waiting:
            retrying = AsyncRetrying(
                retry=retry_if_exception(self._is_retryable), wait=_BACKOFF, before_sleep=self._log_failure, reraise=True
            )
            await retrying(self._bus.consume, self._waiting[0])
            del self._waiting[0]

    def _is_retryable(self, error: BaseException) -> bool:
        return isinstance(error, BusUnavailableError) or (self._started and isinstance(error, Exception))

    def _log_failure(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        waiting = log.bind(topics=list(self._waiting[0].topics))
        if isinstance(error, Exception) and not isinstance(error, BusUnavailableError):
            report_failure(waiting, "consumer_attach", error)
        else:
            waiting.warning("consumer_attach_failed", error=str(error))
