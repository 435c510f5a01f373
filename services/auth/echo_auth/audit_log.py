"""Audit log: an append-only collection whose entries form a hash chain."""

import asyncio
import hmac
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_network
from typing import Any, Final

import structlog

from echo_auth.domain.audit import AuditEntry, Details, Head
from echo_auth.encryption import Purpose
from echo_common.clock import now
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.http.audit import AuditAction
from echo_common.encryption import derive_key
from echo_common.http.addresses import parse_address
from echo_common.store.port import Collection, Document, DuplicateError, Index, Sort, Store

_HEAD: Final = "head"
_MOST_PROBLEMS: Final = 100
_PREFIX_LENGTHS: Final = {4: 24, 6: 48}
_PSEUDONYM_CHARACTERS: Final = 32


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry with the hash that is stored beside it."""

    entry: AuditEntry
    hash: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of verifying a log: the number of entries, the newest one, and each problem with its sequence number."""

    entries: int
    head: Head
    problems: Sequence[tuple[int, str]]


class AuditLog:
    """The audit log of all replicas.

    An entry's id is its sequence number, so of two replicas that append at once one retries. An entry is written before the
    change that it describes: a change without an entry is impossible, while an entry may describe a change that failed
    afterwards. Actions in other services are appended from their events, which they write together with the change: once each,
    but after it and in any order. The newest sequence number and hash are also kept in `audit_head` and logged, so that entries
    removed from the end are missed. The chain is keyed with ECHO_AUTH_SECRET: write access to the database alone does not
    suffice to compute it anew.
    """

    def __init__(self, entries: Collection, heads: Collection, secret: str) -> None:
        self._entries = entries
        self._heads = heads
        self._chain_key = derive_key(secret, Purpose.AUDIT_CHAIN)
        self._pseudonym_key = derive_key(secret, Purpose.PSEUDONYMS)
        self._appending = asyncio.Lock()
        self._tail: Head | None = None
        self._log = structlog.get_logger("echo.audit")

    @classmethod
    async def open(cls, store: Store, secret: str) -> "AuditLog":
        """Open the log, with indexes for its filters."""
        log = cls(store.collection("audit_log"), store.collection("audit_head"), secret)
        filters = [Index([(field, 1)]) for field in ("action", "actor", "target")]
        await log._entries.ensure([Index([("at", -1)]), *filters, Index([("details.event_id", 1)], sparse=True)])
        await log._heads.ensure([])
        await log._create_head()
        return log

    def pseudonym(self, user_id: str) -> str:
        """Return the pseudonym of a user: without ECHO_AUTH_SECRET it does not lead back to the user."""
        return hmac.new(self._pseudonym_key, user_id.encode(), sha256).hexdigest()[:_PSEUDONYM_CHARACTERS]

    async def record(
        self,
        action: AuditAction,
        *,
        actor: str | None = None,
        target: str | None = None,
        address: str | None = None,
        event: DomainEvent | None = None,
        **details: bool | int | str | None,
    ) -> None:
        """Append an entry. Call this after all checks and before the change, so that no change lacks its entry.

        An action in another service is recorded from its event, after the change. `at` is the time of recording.

        Args:
            action: The action.
            actor: Id of the user who acts; None if unknown, or the platform itself.
            target: Id of the user whose account is concerned.
            address: The client's address.
            event: The event of an action in another service. Its id and time are added to the details; an event that the log
                has is not recorded again.
            details: Further values; no secrets, no personal data.

        Raises:
            StoreUnavailableError: The database is not reachable. Nothing may be changed then.
        """
        if event is not None:
            details |= {"event_id": event.event_id, "occurred_at": event.occurred_at.isoformat().replace("+00:00", "Z")}
        async with self._appending:
            while True:
                tail = self._tail or await self._stored_tail()
                # After the tail is known: an entry that another replica adds from here on has the sequence number of this one.
                if event is not None and await self._entries.find_one({"details.event_id": event.event_id}) is not None:
                    return
                entry = AuditEntry(
                    sequence=tail.sequence + 1,
                    at=now(),
                    action=action,
                    actor=None if actor is None else self.pseudonym(actor),
                    target=None if target is None else self.pseudonym(target),
                    network=_network(address),
                    details=details,
                    previous=tail.hash,
                )
                self._tail = None  # unknown until the write is known to have succeeded
                try:
                    await self._append(entry)
                except DuplicateError:
                    continue  # another replica was faster
                return

    async def find(self, where: Mapping[str, Any], *, sort: Sort, skip: int, limit: int) -> Sequence[StoredEntry]:
        """Return the entries that match a filter."""
        return [_loaded(document) async for document in self._entries.find(where, sort=sort, skip=skip, limit=limit)]

    async def count(self, where: Mapping[str, Any]) -> int:
        """Return the number of entries that match a filter."""
        return await self._entries.count(where)

    async def verify(self, noted: Head | None = None) -> Verification:
        """Verify every entry and the chain.

        Args:
            noted: The newest entry at an earlier time, as the operator noted it; it must still be part of the log.
        """
        known, problems = await self._known_heads(noted)
        count, last = 0, Head()
        async for document in self._entries.find({}, sort=[("_id", 1)]):
            sequence = _sequence(document)
            problems += [(missing, "missing") for missing in range(last.sequence + 1, sequence)[:_MOST_PROBLEMS]]
            if problem := self._problem(document, last, known):
                problems.append((sequence, problem))
            count, last = count + 1, Head(sequence, str(document.get("hash")))
            if len(problems) >= _MOST_PROBLEMS:
                break
        newest = max(known, default=0)
        problems += [(missing, "missing") for missing in range(last.sequence + 1, newest + 1)[:_MOST_PROBLEMS]]
        return Verification(count, last, problems[:_MOST_PROBLEMS])

    def _problem(self, document: Document, before: Head, known: Mapping[int, str]) -> str | None:
        """Return the contradiction of an entry to its hash, to the entry before, or to a known hash; None without one."""
        try:
            stored = _loaded(document)
            linked = stored.entry.sequence != before.sequence + 1 or stored.entry.previous == before.hash
            if not linked or not hmac.compare_digest(stored.entry.hash(self._chain_key), stored.hash):
                return "edited"
        except (AttributeError, KeyError, TypeError, ValueError):
            return "edited"
        return "foreign" if known.get(stored.entry.sequence, stored.hash) != stored.hash else None

    async def _create_head(self) -> None:
        """Create the head of an empty log, before its first entry: from then on a missing head is a removed one."""
        if await self._heads.find_one({"_id": _HEAD}) is None and not await self._entries.count({}):
            with suppress(DuplicateError):  # another replica was faster
                await self._heads.insert({"_id": _HEAD, **self._head_fields(Head())})

    async def _append(self, entry: AuditEntry) -> None:
        hashed = entry.hash(self._chain_key)
        await self._entries.insert(_stored(entry, hashed))
        self._tail = tail = Head(entry.sequence, hashed)
        self._log.info("audit_entry_added", sequence=tail.sequence, hash=tail.hash, action=entry.action.value)
        head = await self._heads.find_one({"_id": _HEAD})
        if head is None or not self._authentic(head):
            self._log.error("audit_head_damaged")  # left as it is, as evidence
            return
        older = {"_id": _HEAD, "mac": head["mac"], "sequence": {"$lt": tail.sequence}}
        await self._heads.update_one(older, {"$set": self._head_fields(tail)})

    async def _stored_tail(self) -> Head:
        """Return the newest entry, or the head if it is newer: the gap then stays visible."""
        tail = Head()
        async for document in self._entries.find({}, sort=[("_id", -1)], limit=1):
            tail = Head(int(document["_id"]), document["hash"])
        head = await self._heads.find_one({"_id": _HEAD})
        if head is not None and head["sequence"] > tail.sequence:
            return Head(head["sequence"], head["hash"])
        return tail

    async def _known_heads(self, noted: Head | None) -> tuple[dict[int, str], list[tuple[int, str]]]:
        """Return the hashes that entries must have, by sequence number, and the problems of the stored head."""
        known = {head.sequence: head.hash for head in (self._tail, noted) if head is not None}
        document = await self._heads.find_one({"_id": _HEAD})
        if document is None:
            return known, [(1, "missing")]
        if not self._authentic(document):
            return known, [(int(document.get("sequence", 0)), "edited")]
        return {int(document["sequence"]): document["hash"], **known} if document["sequence"] else known, []

    def _head_fields(self, head: Head) -> Document:
        return {"sequence": head.sequence, "hash": head.hash, "mac": self._mac(head)}

    def _authentic(self, document: Document) -> bool:
        head = Head(document.get("sequence", 0), document.get("hash", ""))
        return hmac.compare_digest(self._mac(head), str(document.get("mac")))

    def _mac(self, head: Head) -> str:
        return hmac.new(self._chain_key, f"head {head.sequence} {head.hash}".encode(), sha256).hexdigest()


def _stored(entry: AuditEntry, hashed: str) -> Document:
    return {
        "_id": f"{entry.sequence:016d}",
        "at": entry.at,
        "action": entry.action.value,
        "actor": entry.actor,
        "target": entry.target,
        "network": entry.network,
        "details": dict(entry.details),
        "previous": entry.previous,
        "hash": hashed,
    }


def _sequence(document: Document) -> int:
    """Return the sequence number in an entry's id; 0 for an id that was not written here."""
    return int(document["_id"]) if document["_id"].isdecimal() else 0


def _loaded(document: Document) -> StoredEntry:
    details: Details = document["details"]
    entry = AuditEntry(
        sequence=int(document["_id"]),
        at=document["at"],
        action=AuditAction(document["action"]),
        actor=document["actor"],
        target=document["target"],
        network=document["network"],
        details=details,
        previous=document["previous"],
    )
    return StoredEntry(entry, document["hash"])


def _network(address: str | None) -> str | None:
    found = None if address is None else parse_address(address)
    return None if found is None else str(ip_network(f"{found}/{_PREFIX_LENGTHS[found.version]}", strict=False))
