"""Storage of the counted votes."""

import secrets
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Final

from echo_common.store.port import DuplicateError, Store
from echo_feedback.domain.summaries import Subject, Vote

_COMPLETE: Final = "complete"
_EPOCH: Final = "epoch"


class Votes:
    """The votes that the summaries contain, by subject and rating; the vote with the highest revision counts."""

    def __init__(self, store: Store) -> None:
        self._votes = store.collection("votes")
        self._epoch: str | None = None

    async def prepare(self) -> None:
        """Create the collection; call once at start."""
        await self._votes.ensure([])

    async def find(self, subject: Subject, rating_ids: Collection[str]) -> Mapping[str, Vote]:
        """Return the votes of those of these ratings that are counted."""
        ids = [_id_of(subject, rating_id) for rating_id in rating_ids]
        found = [document async for document in self._votes.find({"_id": {"$in": ids}})]
        votes = [Vote(each["_id"].partition("/")[2], each["revision"], each.get("rating")) for each in found]
        return {vote.rating_id: vote for vote in votes}

    async def store(self, subject: Subject, votes: Iterable[Vote]) -> None:
        """Store votes, unless later ones of their ratings are known."""
        for vote in votes:
            fields = {"revision": vote.revision, "rating": vote.rating}
            key = _id_of(subject, vote.rating_id)
            if not await self._votes.update_one({"_id": key, "revision": {"$lt": vote.revision}}, {"$set": fields}):
                with suppress(DuplicateError):  # it is stored, or a later one is
                    await self._votes.insert({"_id": key, **fields})

    async def get_epoch(self) -> str:
        """Return the name of this collection of votes, which another one does not have after a loss."""
        if self._epoch is None:
            # summaries that were complete before there were epochs have no name
            name = "" if await self.complete() else secrets.token_hex(8)
            with suppress(DuplicateError):
                await self._votes.insert({"_id": _EPOCH, "name": name})
            found = await self._votes.find_one({"_id": _EPOCH})
            self._epoch = name if found is None else str(found["name"])
        return self._epoch

    async def complete(self) -> bool:
        """Return whether the votes of all ratings that were stored before are counted."""
        return await self._votes.find_one({"_id": _COMPLETE}) is not None

    async def mark_complete(self) -> None:
        """Note that the votes of all stored ratings are counted."""
        with suppress(DuplicateError):
            await self._votes.insert({"_id": _COMPLETE})


def _id_of(subject: Subject, rating_id: str) -> str:
    return f"{subject.value}/{rating_id}"
