"""Quotas of syntheses."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil
from typing import Final

from echo_common.audio.formats import FORMATS
from echo_common.auth.principal import Principal
from echo_common.contracts.values import Metric
from echo_common.quotas.counters import Reservation
from echo_common.quotas.stored_bytes import HeldBytes
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Job, SpeechSettings
from echo_synthesis.repository import AudioRepository, Jobs

ESTIMATED: Final = (Metric.AUDIO_SECONDS,)
"""Metrics that are estimated before the synthesis, and known after it."""
_CHARACTERS_PER_SECOND = 15
_BYTES_PER_SAMPLE = 2


@dataclass(frozen=True, slots=True)
class CountedSynthesis:
    """Counted amounts of a synthesis that is stored."""

    reservation: Reservation
    held: HeldBytes


def amounts_of(characters: int) -> Mapping[Metric, int]:
    """Return the amounts of a synthesis of a text of this length: its seconds are an estimate."""
    seconds = ceil(characters / _CHARACTERS_PER_SECOND)
    return {Metric.SYNTHESES: 1, Metric.CHARACTERS: characters, Metric.AUDIO_SECONDS: seconds}


def estimated_bytes(characters: int, settings: SpeechSettings, *, keep_segments: bool) -> int:
    """Return the estimated size of the audio of a text of this length; lossless compression counts as none.

    With `keep_segments`, the lossless copy of lossy audio is included.
    """
    audio_format = FORMATS[settings.output_format]
    lossless_rate = settings.sample_rate * _BYTES_PER_SAMPLE
    rate = audio_format.bit_rate / 8 if audio_format.bit_rate else lossless_rate
    if keep_segments and not audio_format.lossless:
        rate += lossless_rate
    return ceil(characters / _CHARACTERS_PER_SECOND / settings.speed * rate)


async def stored_bytes(jobs: Jobs, audio: AudioRepository, user_id: str, without: Collection[str]) -> int:
    """Return the size of a user's audio, and the estimated size of that of jobs which have not ended."""
    return await audio.stored_bytes(user_id, without) + await jobs.expected_bytes(user_id, without)


@asynccontextmanager
async def reserved_synthesis(
    text: str,
    settings: SpeechSettings,
    object_id: str,
    principal: Principal,
    deps: Dependencies,
    *,
    further_bytes: int = 0,
) -> AsyncIterator[CountedSynthesis]:
    """Count a synthesis that is stored, and give it back if the context ends with an error. Raises `QuotaExceededError`.

    `object_id` is the id of its audio, or of its job. `further_bytes` are stored besides the speech of the text.
    """
    expected = estimated_bytes(len(text), settings, keep_segments=deps.settings.keep_segments) + further_bytes
    async with (
        deps.quotas.storing(principal, object_id, expected, estimated=True) as held,
        deps.quotas.reserved(principal, amounts_of(len(text)), below=ESTIMATED) as reservation,
    ):
        yield CountedSynthesis(reservation, held)


@asynccontextmanager
async def recounted(
    job: Job, text: str, settings: SpeechSettings, principal: Principal, deps: Dependencies
) -> AsyncIterator[None]:
    """Count the changed text and settings of a pending job in place of the earlier ones. Raises `QuotaExceededError`.

    Within the context, which saves it, the job has the new estimate of its bytes. An administrator's change of another user's
    job counts whatever the limit.
    """
    async with _recounted_bytes(job, text, settings, principal, deps), _recounted_amounts(job, text, principal, deps):
        yield


@asynccontextmanager
async def _recounted_bytes(
    job: Job, text: str, settings: SpeechSettings, principal: Principal, deps: Dependencies
) -> AsyncIterator[None]:
    expected = estimated_bytes(len(text), settings, keep_segments=deps.settings.keep_segments)
    more = expected - job.counted_bytes
    job.counted_bytes = expected
    if more <= 0 or principal.user_id != job.user_id:
        yield
        return
    # the id is not that of the job, because the job still counts with its earlier estimate
    async with deps.quotas.storing(principal, f"{job.id}/change", more, estimated=True) as held:
        yield
    await deps.quotas.settle_bytes(held, more)


@asynccontextmanager
async def _recounted_amounts(job: Job, text: str, principal: Principal, deps: Dependencies) -> AsyncIterator[None]:
    if (counted := counted_for(job)) is None:
        yield
        return
    needed = amounts_of(len(text))
    more = {metric: amount for metric in needed if (amount := needed[metric] - counted.amounts[metric]) > 0}
    if more and principal.user_id == job.user_id:
        async with deps.quotas.reserved(principal, more, below=ESTIMATED) as reservation:
            yield
        await deps.quotas.settle(counted, needed)
        await deps.quotas.release(reservation)  # counted with the job by now
    else:
        yield
        await deps.quotas.settle(counted, needed)


def counted_for(job: Job) -> Reservation | None:
    """Return the counted amounts of a job."""
    return None if job.counted_in is None else Reservation(job.counted_in, amounts_of(job.counted_characters))


async def release_job_quota(job: Job, deps: Dependencies) -> None:
    """Give back the counted amounts of a job that made nothing."""
    if (counted := counted_for(job)) is not None:
        await deps.quotas.release(counted)


async def settle_audio(reservation: Reservation, seconds: float, deps: Dependencies) -> None:
    """Count the seconds of a synthesis in place of the estimate."""
    await deps.quotas.settle(reservation, {Metric.AUDIO_SECONDS: ceil(seconds)})
