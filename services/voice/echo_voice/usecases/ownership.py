"""Ownership of stored objects; objects that no record owns are removed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial

from echo_common.clock import now
from echo_common.contracts.values import JobStatus
from echo_common.storage.orphans import Owned
from echo_voice.dependencies import Dependencies

_UNFINISHED = {JobStatus.PENDING, JobStatus.PROCESSING}


def object_owners(deps: Dependencies, settled_seconds: float) -> Mapping[str, Owned]:
    """Return for each prefix of the service's objects a function that finds the owned ones.

    Args:
        deps: The dependencies of the use cases.
        settled_seconds: Seconds to keep a changed voice model's older styles, because synthesis may still use them.
    """
    return {
        "samples/": partial(_owned_samples, deps),
        "styles/": partial(_owned_styles, deps, timedelta(seconds=settled_seconds)),
        "checkpoints/": partial(_owned_checkpoints, deps),
    }


async def _owned_samples(deps: Dependencies, keys: Sequence[str]) -> Collection[str]:
    """Return all objects of samples in processing; of other samples, the objects that their records name."""
    owners = _by_owner(keys)
    owned: set[str] = set()
    async for sample in deps.samples.find({"_id": {"$in": list(owners)}}):
        files = [file.key for file in (sample.original, sample.processed) if file is not None]
        owned.update(owners[sample.id] if sample.work in _UNFINISHED else files)
    return owned


async def _owned_styles(deps: Dependencies, settled: timedelta, keys: Sequence[str]) -> Collection[str]:
    """Return all styles of voice models in training or changed recently; of others, the style that the record names."""
    owners = _by_owner(keys)
    owned: set[str] = set()
    async for model in deps.models.find({"_id": {"$in": list(owners)}}):
        if model.work in _UNFINISHED or model.updated_at > now() - settled:
            owned.update(owners[model.id])
        elif model.made is not None:
            owned.add(model.made.voice.value)
    return owned


async def _owned_checkpoints(deps: Dependencies, keys: Sequence[str]) -> Collection[str]:
    """Return all checkpoints of existing voice models, whose trainings may be resumed."""
    owners = _by_owner(keys)
    return [key async for model in deps.models.find({"_id": {"$in": list(owners)}}) for key in owners[model.id]]


def _by_owner(keys: Sequence[str]) -> dict[str, list[str]]:
    owners: dict[str, list[str]] = {}
    for key in keys:
        owners.setdefault(key.split("/")[1], []).append(key)
    return owners
