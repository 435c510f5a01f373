"""The data of users in auth: its export, and its erasure after all other services have confirmed theirs."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from echo_auth.audit_log import AuditLog
from echo_auth.domain.devices import name_device
from echo_auth.domain.erasures import Erasure
from echo_auth.domain.exports import EXPORT_PREFIX
from echo_auth.domain.profiles import AVATAR_PREFIX, Profile
from echo_auth.repository import (
    ApiKeys,
    ChangedSettings,
    Erasures,
    Exports,
    Identities,
    Mails,
    Passkeys,
    Profiles,
    Sessions,
    Users,
)
from echo_auth.usecases.api_keys import view_of as key_view
from echo_auth.usecases.users import view_of
from echo_common.aggregate import Aggregate
from echo_common.clock import now
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.user_data import ExportedDocument, ExportedObject
from echo_common.faults import FaultPoints
from echo_common.outbox.repository import Repository
from echo_common.storage.port import ObjectInfo, ObjectNotFoundError, ObjectStore
from echo_common.user_data.erasure import erase_matching
from echo_common.user_data.export import extension_of, file_name

_AVATAR: Final = "avatar"
_OLDEST: Final = (("created_at", 1),)
_PAGE: Final = 500


@dataclass(frozen=True)
class AuthUserData:
    """Account, profile, sessions, keys, mails, avatars and exports of users."""

    users: Users
    profiles: Profiles
    sessions: Sessions
    api_keys: ApiKeys
    passkeys: Passkeys
    identities: Identities
    exports: Exports
    mails: Mails
    changed_settings: ChangedSettings
    objects: ObjectStore
    erasures: Erasures
    audit: AuditLog
    faults: FaultPoints

    @property
    def owned(self) -> Sequence[Repository[Any]]:
        """Repositories of aggregates with a field `user_id`. Exports go first: a running one loses its lease."""
        return [self.exports, self.api_keys, self.identities, self.passkeys, self.profiles, self.sessions]

    async def erase(self, user_id: str) -> None:
        """Erase everything of a user, the account last, and complete the erasure."""
        user = await self.users.find_one({"_id": user_id})
        if user is not None and user.email is not None:
            await erase_matching(self.mails, {"email": user.email}, Aggregate.erase, self.faults)
        for repository in (self.mails, *self.owned):
            await erase_matching(repository, {"user_id": user_id}, Aggregate.erase, self.faults)
        for prefix in (AVATAR_PREFIX, EXPORT_PREFIX):
            async for key in self.objects.keys(f"{prefix}{user_id}/"):
                await self.objects.delete(key)
        pseudonym = self.audit.pseudonym(user_id)
        author = {"updated_by": user_id}
        await erase_matching(self.changed_settings, author, lambda setting: setting.forget_author(pseudonym), self.faults)
        await erase_matching(self.users, {"_id": user_id}, Aggregate.erase, self.faults)
        found = await self.erasures.find_one({"_id": Erasure.id_of(pseudonym)})
        if found is not None and found.completed_at is None:
            await self.audit.record(AuditAction.ACCOUNT_ERASED, target=user_id)
            await self.erasures.update(found.id, lambda erasure: erasure.complete(now()))

    async def export(self, user_id: str) -> AsyncIterator[ExportedDocument | ExportedObject]:
        """Yield the account, its credentials without their secrets, and the user's actions; then the avatar."""
        own = {"user_id": user_id}
        profile = await self.profiles.find_one({"_id": user_id}) or Profile(id=user_id, user_id=user_id)
        user = view_of(await self.users.get(user_id), profile)
        yield ExportedDocument(collection="profile", fields=user.model_dump(mode="json"))
        async for session in self.sessions.find(own, sort=_OLDEST):
            fields = session.model_dump(mode="json", include={"id", "address", "start_time", "expiry_time", "last_activity"})
            yield ExportedDocument(collection="sessions", fields={**fields, "device": name_device(session.user_agent)})
        async for key in self.api_keys.find(own, sort=_OLDEST):
            yield ExportedDocument(collection="api_keys", fields=key_view(key).model_dump(mode="json"))
        async for passkey in self.passkeys.find(own, sort=_OLDEST):
            fields = passkey.model_dump(mode="json", include={"id", "name", "backed_up", "created_at", "last_used_at"})
            yield ExportedDocument(collection="passkeys", fields=fields)
        async for identity in self.identities.find(own, sort=_OLDEST):
            fields = identity.model_dump(mode="json", include={"issuer", "subject", "created_at"})
            yield ExportedDocument(collection="identities", fields=fields)
        async for action in self._actions(user_id):
            yield action
        if profile.avatar is not None:
            avatar = profile.avatar
            yield ExportedObject(
                id=_AVATAR,
                name=file_name(_AVATAR, "", user_id, extension_of(avatar.mime), profile.updated_at),
                created_at=profile.updated_at,
                **avatar.model_dump(include={"size", "checksum", "mime"}),
            )

    async def find_object(self, user_id: str, object_id: str) -> ObjectInfo:
        """Return the avatar. Raises `ObjectNotFoundError`."""
        profile = await self.profiles.find_one({"_id": user_id})
        if object_id != _AVATAR or profile is None or profile.avatar is None:
            raise ObjectNotFoundError
        return ObjectInfo(**profile.avatar.model_dump())

    async def _actions(self, user_id: str) -> AsyncIterator[ExportedDocument]:
        """Yield the audit log entries about the user, without the chain and without pseudonyms and networks of others."""
        pseudonym = self.audit.pseudonym(user_id)
        where = {"$or": [{"actor": pseudonym}, {"target": pseudonym}]}
        skip = 0
        while page := await self.audit.find(where, sort=[("_id", 1)], skip=skip, limit=_PAGE):
            for stored in page:
                entry = stored.entry
                network = entry.network if entry.actor in {None, pseudonym} else None
                fields = {"at": entry.at.isoformat(), "action": entry.action.value, "network": network}
                yield ExportedDocument(collection="actions", fields={**fields, "details": dict(entry.details)})
            skip += len(page)
