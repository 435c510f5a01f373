"""The data of users in auth: its erasure, after all other services have confirmed theirs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from echo_auth.audit_log import AuditLog
from echo_auth.domain.erasures import Erasure
from echo_auth.domain.profiles import AVATAR_PREFIX
from echo_auth.repository import Erasures, Mails, Users
from echo_common.aggregate import Aggregate
from echo_common.clock import now
from echo_common.contracts.http.audit import AuditAction
from echo_common.faults import FaultPoints
from echo_common.outbox.repository import Repository
from echo_common.storage.port import ObjectStore
from echo_common.user_data.erasure import erase_matching


@dataclass(frozen=True)
class AuthUserData:
    """Account, profile, sessions, keys, mails and avatars of users. `owned` are repositories with a field `user_id`."""

    users: Users
    owned: Sequence[Repository[Any]]
    mails: Mails
    objects: ObjectStore
    erasures: Erasures
    audit: AuditLog
    faults: FaultPoints

    async def erase(self, user_id: str) -> None:
        """Erase everything of a user, the account last, and complete the erasure."""
        user = await self.users.find_one({"_id": user_id})
        if user is not None and user.email is not None:
            await erase_matching(self.mails, {"email": user.email}, Aggregate.erase, self.faults)
        async for key in self.objects.keys(f"{AVATAR_PREFIX}{user_id}/"):
            await self.objects.delete(key)
        for repository in (self.mails, *self.owned):
            await erase_matching(repository, {"user_id": user_id}, Aggregate.erase, self.faults)
        await erase_matching(self.users, {"_id": user_id}, Aggregate.erase, self.faults)
        found = await self.erasures.find_one({"_id": Erasure.id_of(self.audit.pseudonym(user_id))})
        if found is not None and found.completed_at is None:
            await self.audit.record(AuditAction.ACCOUNT_ERASED, target=user_id)
            await self.erasures.update(found.id, lambda erasure: erasure.complete(now()))
