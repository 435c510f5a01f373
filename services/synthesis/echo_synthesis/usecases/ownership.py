"""Ownership of stored objects: objects without a record or an unfinished job are removed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial

from echo_common.clock import now
from echo_common.storage.orphans import Owned
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import UNFINISHED, Job


def object_owners(deps: Dependencies, superseded_seconds: float) -> Mapping[str, Owned]:
    """Return, for each prefix of synthesis's object keys, the function that tells which keys are owned.

    An object that the revisions of an audio no longer need stays owned for `superseded_seconds`, because a reader or a backup
    may have found it before.
    """
    return {"audio/": partial(_owned_audio, deps, superseded_seconds), "speech/": deps.cache.known}


async def _owned_audio(deps: Dependencies, superseded_seconds: float, keys: Sequence[str]) -> Collection[str]:
    """Return the objects of unfinished jobs, also of those that regenerate segments, and those that an audio record names."""
    superseded_after = now() - timedelta(seconds=superseded_seconds)
    by_audio: dict[str, list[str]] = {}
    for key in keys:
        by_audio.setdefault(key.split("/")[1], []).append(key)
    jobs = [Job.id_of_audio(audio_id) for audio_id in by_audio]
    owned: set[str] = set()
    unfinished = {"_id": {"$in": jobs}, "status": {"$in": list(UNFINISHED)}}
    async for job in deps.jobs.find(unfinished, without=deps.jobs.large_fields):
        owned.update(by_audio[job.audio_key])
    replacing = {"replaces.audio_id": {"$in": list(by_audio)}, "status": {"$in": list(UNFINISHED)}}
    async for job in deps.jobs.find(replacing, without=deps.jobs.large_fields):
        owned.update(key for key in keys if f"/{job.id}-" in key)
    async for audio in deps.audio.find({"_id": {"$in": list(by_audio)}}, without=("words", "chapters", "segments", "text")):
        owned.update(audio.object_keys)
        owned.update(each.key for each in audio.superseded if each.since > superseded_after)
    return owned
