"""Shared parts of remote engines: settings, retries, and conversion of a provider's samples into speech."""

import importlib.util
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from echo_common.backoff import Backoff, vary_delay
from echo_common.contracts.errors.synthesis import ProviderFailedError
from echo_synthesis.audio.resample import Resampler
from echo_synthesis.audio.tempo import change_tempo
from echo_synthesis.engine import Speech, Utterance
from echo_synthesis.timing.estimation import estimate

T = TypeVar("T")

_BACKOFF = Backoff(0.5, 8.0)
_HEADER = re.compile(r"[\x21-\x7e]+")
_FASTEST = 60.0
"""Speech rate that no speaker reaches, in characters per second: shorter audio is incomplete."""


class RemoteSettings(BaseSettings):
    """Settings shared by all remote engines."""

    api_key: SecretStr | None = Field(None, description="API key of the provider account. Without it the engine is not ready.")
    timeout: float = Field(
        60.0, ge=1, le=600, description="Time limit of one utterance in seconds, including retries and delays."
    )
    tries: int = Field(4, ge=1, le=10, description="Maximum number of attempts while the provider is busy or fails.")
    concurrency: int = Field(
        5, ge=1, le=64, description="Maximum number of concurrent requests; providers limit it per account."
    )

    @property
    def key(self) -> str:
        """The API key without surrounding whitespace; empty when missing or invalid in an HTTP header.

        The check is here because HTTP libraries repeat an invalid value in their errors.
        """
        key = self.api_key.get_secret_value().strip() if self.api_key else ""
        return key if _HEADER.fullmatch(key) else ""

    def setting(self, field: str) -> str:
        """Return the name of the environment variable that sets `field`."""
        return f"{self.model_config['env_prefix']}{field.upper()}"


class RetryableError(Exception):
    """A retryable failure. `after` is the delay that the provider requests, in seconds; 0 retries at once."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


def retry_with_backoff(
    ask: Callable[[float], T],
    settings: RemoteSettings,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Call `ask` with the seconds left until it does not raise `RetryableError`, with exponential backoff and jitter.

    A delay that the provider requests replaces the backoff.

    Raises:
        ProviderFailedError: No attempts are left, or the delay would exceed the time limit.
    """
    deadline = clock() + settings.timeout

    def wait(state: RetryCallState) -> float:
        after = _failure(state).after
        return _BACKOFF.delay(state.attempt_number) if after is None else vary_delay(after)

    def stop(state: RetryCallState) -> bool:
        return state.attempt_number == settings.tries or clock() + state.upcoming_sleep >= deadline

    def fail(state: RetryCallState) -> NoReturn:
        error = _failure(state)
        delay = error.after or state.upcoming_sleep
        raise ProviderFailedError(str(error), retry_after=max(1, round(delay))) from error

    retryable = retry_if_exception_type(RetryableError)
    retrying = Retrying(retry=retryable, wait=wait, stop=stop, sleep=sleep, retry_error_callback=fail)
    return retrying(lambda: ask(max(0.1, deadline - clock())))


def _failure(state: RetryCallState) -> RetryableError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, RetryableError)  # noqa: S101 - only these are retried
    return error


def parse_retry_after(header: str | None) -> float | None:
    """Return the delay in seconds of a `Retry-After` header: a number or a date (RFC 9110, 10.2.3); None if there is none."""
    if header is None or (header := header.strip()).isdigit():
        return float(header) if header else None
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def missing_requirements(settings: RemoteSettings, package: str, module: str) -> Sequence[str]:
    """Return the missing requirements of an engine: its SDK or its API key."""
    if importlib.util.find_spec(module) is None:
        return (f"the Python package {package}",)
    return () if settings.key else ("an API key",)


def remedy(settings: RemoteSettings, extra: str, module: str) -> str:
    """Return the instruction that provides the missing requirement."""
    if importlib.util.find_spec(module) is None:
        return f"install echo-synthesis[{extra}]"
    return f"set {settings.setting('api_key')}"


def redact(secret: str, message: object) -> str:
    """Shorten a message to one line of at most 300 characters, without `secret`; providers may repeat it in errors."""
    text = " ".join(str(message).split())
    return (text.replace(secret, "…") if secret else text)[:300]


def silence(sample_rate: int) -> Speech:
    """Return 100 ms of silence, for an utterance without words."""
    return Speech(np.zeros(sample_rate // 10, np.float32), sample_rate, (), "estimated")


def to_speech(
    utterance: Utterance,
    samples: NDArray[np.float32],
    sample_rate: int,
    *,
    wanted_rate: int,
    tempo: float,
    cost: Mapping[str, int],
) -> Speech:
    """Convert a provider's samples into speech at `wanted_rate` Hz, `tempo` times as fast, with estimated word times.

    Raises:
        RetryableError: The audio is too short for the text.
    """
    if len(samples) / sample_rate * _FASTEST < sum(map(str.isalnum, utterance.text)):
        raise RetryableError(f"{len(samples) / sample_rate:.2f} s of audio is too short for the text.")
    resampler = Resampler(sample_rate, wanted_rate)
    spoken = change_tempo(np.concatenate([resampler.feed(samples), resampler.close()]), wanted_rate, tempo)
    return Speech(spoken, wanted_rate, estimate(utterance, spoken, wanted_rate), "estimated", cost)
