"""Audio whose segments are regenerated."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echo_common.contracts.http.segments import RegenerateSegment
from echo_common.contracts.http.synthesis import SpeechConfig, SynthesizeRequest
from echo_common.contracts.values import AudioFormat, JobStatus
from echo_common.http.pagination import Page
from echo_common.storage.orphans import OrphanSweeper
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio, Job
from echo_synthesis.usecases.audio import find_audio
from echo_synthesis.usecases.ownership import object_owners
from echo_synthesis.usecases.segments import LocatedSegment, list_segments, regenerate_segment
from echo_synthesis.usecases.speech import synthesize
from tests.support.eventually import eventually
from tests.support.sound import decode
from tests.support.synthesis_replica import principal_of

ALICE, MALLORY = principal_of("usr_alice"), principal_of("usr_mallory")
STORY = "# Start\n\nThe first sentence. A tone-peak sentence.\n\n# End\n\nThe last one ends."
FIRST_PAGE = Page(limit=20, offset=0, sort_by="number", sort_order="asc")
LOSSY = {AudioFormat.MP3, AudioFormat.OGG, AudioFormat.AAC, AudioFormat.MULAW}
SSML = '<speak>One sentence. <prosody rate="50%">Say <sub alias="hue">Hugh</sub> here.</prosody> It ends.</speak>'


async def spoken(deps: Dependencies, text: str = STORY, **config: Any) -> Audio:
    return await synthesize(SynthesizeRequest(text=text, config=SpeechConfig(**config)), ALICE, deps)


async def queued(audio: Audio, number: int, deps: Dependencies, key: str | None = None, **body: Any) -> Job:
    job = await regenerate_segment(audio.id, number, RegenerateSegment(**body), ALICE, deps, key=key)
    deps.worker.wake()
    return job


async def until(job: Job, deps: Dependencies, status: JobStatus = JobStatus.COMPLETED) -> Job:
    async def ended() -> bool:
        return (await deps.jobs.get(job.id)).status in {status, JobStatus.FAILED}

    await eventually(ended, within=60)
    held = await deps.jobs.get(job.id)
    assert held.status is status, held.error_message
    return held


async def replaced(audio: Audio, number: int, deps: Dependencies, **body: Any) -> Audio:
    await until(await queued(audio, number, deps, **body), deps)
    return await find_audio(audio.id, ALICE, deps)


async def samples_of(audio: Audio, deps: Dependencies) -> NDArray[np.int64]:
    """Return the samples that the codec was given."""
    name = "flac" if audio.lossless_key else audio.settings.output_format.value
    data = b"".join([block async for block in deps.objects.read(audio.lossless_key or audio.object_key)])
    samples, _ = decode(data, name, audio.settings.sample_rate)
    return np.rint(samples * 32_768).astype(np.int64)


async def parts_of(audio: Audio, deps: Dependencies) -> list[NDArray[np.int64]]:
    """Return the samples of each segment."""
    samples = await samples_of(audio, deps)
    lengths = [found.segment.samples for found in await segments_of(audio, deps)]
    return np.split(samples, np.cumsum(lengths)[:-1])


async def segments_of(
    audio: Audio, deps: Dependencies, *, limit: int = 1_000, offset: int = 0, order: str = "asc"
) -> Sequence[LocatedSegment]:
    page = Page(limit=limit, offset=offset, sort_by="number", sort_order=order)
    found, total = await list_segments(audio.id, ALICE, page, deps)
    assert total == audio.units
    return found


async def texts_of(audio: Audio, deps: Dependencies) -> list[str]:
    return [found.segment.text for found in await segments_of(audio, deps)]


async def objects(deps: Dependencies) -> set[str]:
    return {key async for key in deps.objects.keys("audio/")}


async def only_referenced(audio: Audio, deps: Dependencies) -> None:
    """Check that all objects are those of an audio once the sweep has removed the superseded ones."""
    await eventually(lambda: not deps.worker.busy)
    await OrphanSweeper(deps.objects, object_owners(deps, 0), 0).sweep()
    assert await objects(deps) == set(audio.object_keys)
