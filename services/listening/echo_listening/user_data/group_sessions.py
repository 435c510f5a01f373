"""The group sessions of users: their erasure and their export."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from echo_common.contracts.errors.group_sessions import GroupSessionNotFoundError
from echo_common.contracts.http.user_data import ExportedDocument
from echo_common.faults import FaultPoints
from echo_common.user_data.erasure import BATCH
from echo_listening.repository.group_sessions import GroupSessions, JoinAttempts, Presence
from echo_listening.user_data.part import UserDataPart
from echo_listening.views.group_sessions import group_session_summary

_OLDEST: Final = (("created_at", 1),)


@dataclass(frozen=True)
class GroupSessionsOfUser(UserDataPart):
    """The memberships of users in group sessions. A session without members is deleted."""

    sessions: GroupSessions
    presence: Presence
    attempts: JoinAttempts
    faults: FaultPoints

    async def erase(self, user_id: str) -> None:
        """Remove a user from all sessions; another member is host of those of the user."""
        where = {"$or": [{"members.user_id": user_id}, {"removed_user_ids": user_id}]}
        while batch := [found.id async for found in self.sessions.find(where, limit=BATCH, without=("items",))]:
            for session_id in batch:
                with suppress(GroupSessionNotFoundError):  # deleted meanwhile
                    await self.sessions.update(session_id, lambda session: session.forget_user(user_id))
            await self.faults.reach("erasure.mid_erase")
        await self.presence.erase(user_id)
        await self.attempts.erase(user_id)

    async def documents(self, user_id: str) -> AsyncIterator[ExportedDocument]:
        """Yield the sessions of which the user is a member, with the user's own name in them."""
        async for session in self.sessions.find({"members.user_id": user_id}, sort=_OLDEST, without=("items",)):
            own = next(member for member in session.members if member.user_id == user_id)
            fields = group_session_summary(session, user_id).model_dump(mode="json", exclude={"member_count", "host_id"})
            more = own.model_dump(mode="json", exclude={"user_id"})
            yield ExportedDocument(collection="group_sessions", fields={**fields, **more})
