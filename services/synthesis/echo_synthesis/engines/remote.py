"""What engines behind a network share: settings, patience, and the way from a provider's samples to speech."""

import importlib.util
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from echo_common.contracts.errors.synthesis import EngineUnavailableError
from echo_synthesis.audio.resample import Resampler
from echo_synthesis.audio.tempo import change_tempo
from echo_synthesis.engine import Speech, Utterance
from echo_synthesis.wordtimes import estimate

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
_HEADER = re.compile(r"[\x21-\x7e]+")
_FASTEST = 60.0
"""Characters a second that nobody speaks: audio shorter than that is cut off."""


class RemoteSettings(BaseSettings):
    """What an operator may decide about any engine behind a network."""

    api_key: SecretStr | None = Field(None, description="Key of the account that pays. Without it the engine is not ready.")
    timeout: float = Field(60.0, ge=1, le=600, description="Seconds for one utterance, all tries and pauses included.")
    tries: int = Field(4, ge=1, le=10, description="How often a request is made while the provider is busy or failing.")
    concurrency: int = Field(5, ge=1, le=64, description="Requests at once; providers allow an account so many.")

    @property
    def key(self) -> str:
        """The key, without the line break that files end with; empty when there is none that fits into a header.

        What does not fit is found out here, because HTTP libraries repeat it in their errors.
        """
        key = self.api_key.get_secret_value().strip() if self.api_key else ""
        return key if _HEADER.fullmatch(key) else ""

    def setting(self, field: str) -> str:
        """The name of the environment variable that sets `field`."""
        return f"{self.model_config['env_prefix']}{field.upper()}"


class TryAgainError(Exception):
    """A try failed in a way that another may not. `after` is how many seconds the provider asks to wait; 0 is at once."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


def patiently(
    ask: Callable[[float], T],
    settings: RemoteSettings,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """`ask` (given the seconds left) until it does not raise `TryAgainError`, with growing, jittered pauses.

    A provider that asks for a pause gets it. Raises `EngineUnavailableError` when the tries are used up, or the pause would
    last longer than there is time left.
    """
    deadline = clock() + settings.timeout
    for tried in range(1, settings.tries + 1):
        try:
            return ask(max(0.1, deadline - clock()))
        except TryAgainError as error:
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (tried - 1)) * random.uniform(0.5, 1.0)  # noqa: S311
            if error.after is not None:
                pause = error.after * random.uniform(1.0, 1.1)  # noqa: S311
            if tried == settings.tries or clock() + pause >= deadline:
                raise EngineUnavailableError(str(error), retry_after=max(1, round(error.after or pause))) from error
            sleep(pause)
    raise AssertionError  # pragma: no cover


def asked_pause(header: str | None) -> float | None:
    """The seconds that a `Retry-After` asks to wait: a number, or the date until when (RFC 9110, 10.2.3)."""
    if header is None or (header := header.strip()).isdigit():
        return float(header) if header else None
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def lacking(settings: RemoteSettings, package: str, module: str) -> Sequence[str]:
    """What keeps an engine from being asked: its SDK or its key."""
    if importlib.util.find_spec(module) is None:
        return (f"the Python package {package}",)
    return () if settings.key else ("an API key",)


def remedy(settings: RemoteSettings, extra: str, module: str) -> str:
    """What to do about that."""
    if importlib.util.find_spec(module) is None:
        return f"install echo-synthesis[{extra}]"
    return f"set {settings.setting('api_key')}"


def without(secret: str, message: object) -> str:
    """A provider's or a library's words, short and without the key: some repeat what they were sent."""
    text = " ".join(str(message).split())
    return (text.replace(secret, "…") if secret else text)[:300]


def silence(sample_rate: int) -> Speech:
    """What there is to say when there are no words."""
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
    """A provider's answer as speech at `wanted_rate`, `tempo` times as fast, times estimated.

    Raises `TryAgainError` for audio too short to hold the text.
    """
    if len(samples) / sample_rate * _FASTEST < sum(map(str.isalnum, utterance.text)):
        raise TryAgainError(f"{len(samples) / sample_rate:.2f} s of audio cannot be all of the text.")
    resampler = Resampler(sample_rate, wanted_rate)
    spoken = change_tempo(np.concatenate([resampler.feed(samples), resampler.close()]), wanted_rate, tempo)
    return Speech(spoken, wanted_rate, estimate(utterance, spoken, wanted_rate), "estimated", cost)
