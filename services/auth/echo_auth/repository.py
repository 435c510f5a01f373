"""Repositories of the auth service."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from echo_auth.domain.api_keys import ApiKey
from echo_auth.domain.erasures import Erasure
from echo_auth.domain.exports import Export
from echo_auth.domain.identities import Identity
from echo_auth.domain.mails import OutgoingMail
from echo_auth.domain.passkeys import Passkey
from echo_auth.domain.profiles import Profile
from echo_auth.domain.sessions import Session
from echo_auth.domain.settings import ChangedSetting
from echo_auth.domain.users import User
from echo_common.contracts.errors.auth import ApiKeyNotFoundError, ErasureNotFoundError, SessionNotFoundError, UserNotFoundError
from echo_common.contracts.errors.exports import ExportNotFoundError
from echo_common.contracts.errors.passkeys import PasskeyNotFoundError
from echo_common.contracts.values import Role
from echo_common.outbox.repository import Repository
from echo_common.store.port import Collection, Filter, Index
from echo_common.work.repository import TaskRepository

_KEPT_AFTER_EXPIRY_SECONDS = 7 * 24 * 3600
_KEPT_AFTER_REVOCATION_SECONDS = 24 * 3600


class ApiKeys(Repository[ApiKey]):
    """The repository of API keys, found by their hash. The database removes them a day after their revocation."""

    aggregate = ApiKey
    name = "api_keys"
    missing = ApiKeyNotFoundError
    indexes: ClassVar[Sequence[Index]] = (
        Index([("hash", 1)], unique=True),
        Index([("user_id", 1), ("created_at", -1)]),
        Index([("revoked_at", 1)], sparse=True, ttl=_KEPT_AFTER_REVOCATION_SECONDS),
    )

    @staticmethod
    def unrevoked(user_id: str) -> Filter:
        """Return the filter for the keys of a user that are not revoked."""
        return {"user_id": user_id, "revoked_at": None}

    async def of_user(self, user_id: str) -> list[ApiKey]:
        """Return the user's keys that are not revoked."""
        return [key async for key in self.find(self.unrevoked(user_id))]

    async def revoked_since(self, moment: datetime) -> list[str]:
        """Return the ids of keys revoked since `moment`."""
        return [key.id async for key in self.find({"revoked_at": {"$gte": moment}})]

    async def record_use(self, key_id: str, at: datetime) -> None:
        """Store the time of a use."""
        await self._documents.update_one({"_id": key_id}, {"$set": {"last_used_at": at}})


class ChangedSettings(Repository[ChangedSetting]):
    """The repository of changed system settings, keyed by the setting's key."""

    aggregate = ChangedSetting
    name = "settings"


class Erasures(Repository[Erasure]):
    """The repository of erasures, which remain as evidence."""

    aggregate = Erasure
    name = "erasures"
    missing = ErasureNotFoundError
    indexes: ClassVar[Sequence[Index]] = (Index([("created_at", -1)]),)


class Exports(TaskRepository[Export]):
    """The repository of exports; a user has at most one that has not ended."""

    aggregate = Export
    name = "exports"
    missing = ExportNotFoundError
    id_label = "export_id"
    indexes: ClassVar[Sequence[Index]] = (
        Index([("active_for", 1)], unique=True),
        Index([("user_id", 1), ("created_at", -1)]),
        Index([("status", 1), ("created_at", 1)]),
        Index([("expires_at", 1)], sparse=True),
    )

    @staticmethod
    def unexpired(moment: datetime) -> Filter:
        """Return the filter for exports that have not expired."""
        return {"expires_at": {"$not": {"$lte": moment}}}


class Identities(Repository[Identity]):
    """The repository of identities at the identity provider, keyed by issuer and subject."""

    aggregate = Identity
    name = "identities"
    indexes: ClassVar[Sequence[Index]] = (Index([("user_id", 1)]),)


class Mails(Repository[OutgoingMail]):
    """The repository of mails to users, which the database removes seven days after their expiry."""

    aggregate = OutgoingMail
    name = "mails"
    indexes: ClassVar[Sequence[Index]] = (
        Index([("status", 1), ("next_attempt_at", 1)]),
        Index([("email", 1), ("created_at", -1)]),
        Index([("user_id", 1)]),
        Index([("created_at", -1)]),
        Index([("expires_at", 1)], ttl=_KEPT_AFTER_EXPIRY_SECONDS),
    )


class Passkeys(Repository[Passkey]):
    """The repository of passkeys, with unique credential ids."""

    aggregate = Passkey
    name = "passkeys"
    missing = PasskeyNotFoundError
    indexes: ClassVar[Sequence[Index]] = (
        Index([("credential_id", 1)], unique=True),
        Index([("user_id", 1), ("created_at", -1)]),
    )


class Profiles(Repository[Profile]):
    """The repository of profiles, keyed by user id."""

    aggregate = Profile
    name = "profiles"
    indexes: ClassVar[Sequence[Index]] = (Index([("avatar.key", 1)], sparse=True),)


class RestoredErasures:
    """Pseudonyms of users who were erased after the backup from which the database was restored; `echoctl restore` writes them."""

    def __init__(self, documents: Collection) -> None:
        self._documents = documents

    async def pseudonyms(self) -> set[str]:
        """Return all pseudonyms."""
        return {document["_id"] async for document in self._documents.find({}, fields=["_id"])}

    async def clear(self) -> None:
        """Remove all, once these users are erased again."""
        await self._documents.delete({})


class Sessions(Repository[Session]):
    """The repository of sessions, which the database removes seven days after their expiry."""

    aggregate = Session
    name = "sessions"
    missing = SessionNotFoundError
    indexes: ClassVar[Sequence[Index]] = (
        Index([("user_id", 1), ("start_time", -1)]),
        Index([("revoked_at", 1)], sparse=True),
        Index([("expiry_time", 1)], ttl=_KEPT_AFTER_EXPIRY_SECONDS),
    )

    @staticmethod
    def open_for(user: User, moment: datetime) -> Filter:
        """Return the filter for the sessions of a user that have not ended."""
        earliest = {"generation": user.session_generation} if user.session_generation else {}
        return {"user_id": user.id, "revoked_at": {"$exists": False}, "expiry_time": {"$gt": moment}, **earliest}

    async def revoked_since(self, moment: datetime) -> list[str]:
        """Return the ids of sessions revoked since `moment`."""
        return [session.id async for session in self.find({"revoked_at": {"$gte": moment}})]


class Users(Repository[User]):
    """The repository of users, with unique emails and usernames."""

    aggregate = User
    name = "users"
    missing = UserNotFoundError
    indexes: ClassVar[Sequence[Index]] = (
        Index([("email", 1)], unique=True),
        Index([("username_key", 1)], unique=True),
        Index([("token_version_raised_at", 1)], sparse=True),
        Index([("created_at", -1)]),
        Index([("last_active_date", 1)]),
    )

    async def named(self, identifier: str) -> User | None:
        """Find a user by email if `identifier` contains `@`, else by username; case-insensitive."""
        field = "email" if "@" in identifier else "username_key"
        return await self.find_one({field: identifier.lower()})

    async def count_active_administrators(self, *, beside: str | None = None) -> int:
        """Count the administrators who can log in, maybe without one of them."""
        others = {} if beside is None else {"_id": {"$ne": beside}}
        return await self.count({"role": Role.ADMIN.value, "is_active": True, **others})

    async def raised_since(self, moment: datetime) -> dict[str, int]:
        """Return the users whose token version rose since `moment`, with that version."""
        where = {"token_version_raised_at": {"$gte": moment}}
        return {user.id: user.token_version async for user in self.find(where)}
