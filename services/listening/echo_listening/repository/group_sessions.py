"""Repositories of group sessions, of the presence of their members, and of wrong join codes."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Final

from echo_common.clock import now
from echo_common.contracts.errors.group_sessions import GroupSessionNotFoundError, PlaylistInSessionError
from echo_common.contracts.values import MemberStatus
from echo_common.failed_attempts import FailedAttempts
from echo_common.http.addresses import network_of
from echo_common.outbox.repository import Repository
from echo_common.store.port import DuplicateError, Index, Store
from echo_listening.domain.group_sessions import GroupSession, new_join_code
from echo_listening.domain.ready_set import stored_status
from echo_listening.repository.shared_tracks import find_shared_tracks

_WRONG_CODES_OF_USER: Final = 10
_WRONG_CODES_OF_NETWORK: Final = 30
_PRESENCE_KEPT_SECONDS: Final = 24 * 3600


class GroupSessions(Repository[GroupSession]):
    """The repository of group sessions."""

    aggregate = GroupSession
    name = "group_sessions"
    missing = GroupSessionNotFoundError
    indexes: ClassVar[Sequence[Index]] = (
        Index([("active", 1), ("updated_at", 1)]),
        Index([("created_at", 1)]),
        Index([("members.user_id", 1), ("created_at", -1)]),
        Index([("removed_user_ids", 1)]),
        Index([("active_playlist_id", 1)], unique=True),
        Index([("code", 1)], unique=True),
        Index([("items.track_id", 1)]),
        Index([("playlist_id", 1)]),
        Index([("host_id", 1)]),
    )

    async def add_new(self, session: GroupSession) -> None:
        """Store a new session, with another code if its own is taken. Raises `PlaylistInSessionError`."""
        while True:
            try:
                await self.add(session)
            except DuplicateError as error:
                if error.index.startswith("active_playlist_id"):
                    raise PlaylistInSessionError from error
                session.code = new_join_code()
            else:
                return

    async def replace_code(self, session_id: str, user_id: str) -> GroupSession:
        """Give a session another code. Raises `GroupSessionNotFoundError`, `HostRequiredError`, `GroupSessionEndedError`."""

        def change(session: GroupSession) -> None:
            session.require_host(user_id)
            session.replace_code()

        while True:
            try:
                return await self.update(session_id, change)
            except DuplicateError:
                continue

    async def find_audible(self, track_ids: Collection[str], user_id: str) -> Collection[str]:
        """Return those of the tracks that are in playlists of active sessions of which the user is a member."""
        return await find_shared_tracks(self._documents, {"members.user_id": user_id, "active": True}, track_ids)

    async def versions(self, session_ids: Sequence[str]) -> Mapping[str, int]:
        """Return the versions of sessions, as far as they exist; nothing else is read."""
        where = {"_id": {"$in": list(session_ids)}, "name": {"$exists": True}}
        found = self._documents.find(where, fields=["version"])
        return {document["_id"]: document["version"] async for document in found}


class Presence:
    """The status of members as the replicas with their connections have stored it; times are those of the session clock."""

    def __init__(self, store: Store) -> None:
        self._members = store.collection("group_session_presence")

    async def prepare(self) -> None:
        """Create the collection and its indexes; call once at start."""
        await self._members.ensure(
            [Index([("session_id", 1)]), Index([("user_id", 1)]), Index([("stored_at", 1)], ttl=_PRESENCE_KEPT_SECONDS)]
        )

    async def store(self, session_id: str, user_id: str, replica: str, status: MemberStatus, time: int) -> None:
        """Store the status of a member at a replica."""
        key = {"_id": f"{session_id} {user_id} {replica}"}
        fields = {"session_id": session_id, "user_id": user_id, "status": status.value, "renewed_at": time, "stored_at": now()}
        try:
            await self._members.upsert(key, {"$set": fields})
        except DuplicateError:  # another write of this replica was faster
            await self._members.update_one(key, {"$set": fields})

    async def leave(self, session_id: str, user_id: str, replica: str) -> None:
        """Remove the status of a member whose last connection to a replica was closed; the time is kept, without the user."""
        key, fields = {"_id": f"{session_id} {replica}"}, {"session_id": session_id, "stored_at": now()}
        await self._members.upsert(key, {"$set": fields})  # first, so that the session never looks idle
        await self._members.delete({"_id": f"{session_id} {user_id} {replica}"})

    async def statuses(self, session_id: str, time: int) -> Mapping[str, Sequence[MemberStatus]]:
        """Return the statuses of members at all replicas, by user id."""
        found: dict[str, list[MemberStatus]] = {}
        async for document in self._members.find({"session_id": session_id, "user_id": {"$exists": True}}):
            status = stored_status(MemberStatus(document["status"]), document["renewed_at"], time)
            found.setdefault(document["user_id"], []).append(status)
        return found

    async def has_connections_since(self, session_id: str, since: datetime) -> bool:
        """Return whether a member had a connection since then."""
        return await self._members.find_one({"session_id": session_id, "stored_at": {"$gt": since}}) is not None

    async def remove(self, session_id: str) -> None:
        """Remove all of a session that has ended."""
        await self._members.delete({"session_id": session_id})

    async def erase(self, user_id: str) -> None:
        """Remove all of a user."""
        await self._members.delete({"user_id": user_id})


class JoinAttempts:
    """A limit on wrong join codes of a user and of a network, in all replicas together."""

    def __init__(self, failures: FailedAttempts) -> None:
        self._failures = failures

    @classmethod
    async def open(cls, store: Store) -> "JoinAttempts":
        """Open the limit; the database removes expired counts."""
        return cls(await FailedAttempts.open(store.collection("join_attempts")))

    async def count(self, user_id: str, address: str) -> None:
        """Count an attempt as wrong until it is reverted. Raises `TooManyAttemptsError`."""
        await self._failures.count(_limits(user_id, address))

    async def revert(self, user_id: str, address: str) -> None:
        """Remove a counted attempt whose code was right."""
        await self._failures.revert(_limits(user_id, address))

    async def erase(self, user_id: str) -> None:
        """Remove the attempts of a user."""
        await self._failures.reset(_user_key(user_id))


def _limits(user_id: str, address: str) -> Mapping[str, int]:
    return {_user_key(user_id): _WRONG_CODES_OF_USER, f"network\n{network_of(address)}": _WRONG_CODES_OF_NETWORK}


def _user_key(user_id: str) -> str:
    return f"user\n{user_id}"
