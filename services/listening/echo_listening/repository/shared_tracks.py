"""Search for tracks in shared documents with items."""

from collections.abc import Collection
from typing import Any

from echo_common.store.port import Collection as Documents
from echo_common.store.port import Filter


async def find_shared_tracks(documents: Documents, where: Filter, track_ids: Collection[str]) -> set[str]:
    """Return those of the tracks that are among the items of documents that match; each of these is read once at most."""
    left, shared = set(track_ids), set[str]()
    while left:
        matching: dict[str, Any] = {**where, "items.track_id": {"$in": sorted(left)}}
        found = [document async for document in documents.find(matching, limit=1, fields=["items"])]
        among = {item["track_id"] for document in found for item in document["items"]} & left
        if not among:
            break
        shared |= among
        left -= among
    return shared
