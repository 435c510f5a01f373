"""Tests of pauses between retries of a provider."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from echo_common.contracts.errors.synthesis import EngineUnavailableError
from echo_synthesis.engines.remote import RemoteSettings, RetryableError, parse_retry_after, retry_with_backoff


class Clock:
    """A clock that advances only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def ask(failures: int, after: float | None = None, **settings: float) -> tuple[Clock, str]:
    clock, tried = Clock(), []

    def provider(seconds: float) -> str:
        tried.append(seconds)
        if len(tried) <= failures:
            raise RetryableError("busy", after)
        return f"heard after {len(tried)}"

    return clock, retry_with_backoff(provider, RemoteSettings(**settings), sleep=clock.sleep, clock=clock)  # type: ignore[arg-type]


def test_pauses_grow_with_jitter() -> None:
    clock, heard = ask(3)
    assert heard == "heard after 4"
    for pause, whole in zip(clock.pauses, (0.5, 1.0, 2.0), strict=True):
        assert whole / 2 <= pause <= whole
    assert clock.pauses != ask(3)[0].pauses


def test_requested_pauses_are_respected() -> None:
    assert all(20 <= pause <= 22 for pause in ask(2, after=20)[0].pauses)


def test_a_pause_of_zero_retries_at_once() -> None:
    assert ask(1, after=0)[0].pauses == [0]


def test_attempts_are_limited() -> None:
    with pytest.raises(EngineUnavailableError) as refused:
        ask(9, tries=3)
    assert refused.value.retry_after is not None
    assert refused.value.retry_after >= 1


def test_pauses_do_not_exceed_the_timeout() -> None:
    with pytest.raises(EngineUnavailableError) as refused:
        ask(9, after=50, timeout=60, tries=10)
    assert refused.value.retry_after == 50


@pytest.mark.parametrize(
    ("header", "seconds"), [("97", 97), (" 3 ", 3), (None, None), ("", None), ("soon", None), ("-5", None)]
)
def test_retry_after_may_be_in_seconds(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header) == seconds


def test_retry_after_may_be_a_date() -> None:
    until = datetime.now(UTC) + timedelta(minutes=5)
    pause = parse_retry_after(format_datetime(until, usegmt=True))
    assert pause is not None
    assert 290 < pause <= 300
    assert parse_retry_after(format_datetime(until - timedelta(days=1), usegmt=True)) == 0
