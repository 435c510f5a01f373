"""Dependencies of the auth service: opened with its adapters, closed in reverse order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from echo_auth.audit_log import AuditLog
from echo_auth.challenges import Challenges
from echo_auth.dependencies import Dependencies
from echo_auth.encryption import Encryption, Purpose
from echo_auth.identity_provider import IdentityProvider
from echo_auth.keys import Signer
from echo_auth.oidc_settings import OidcSettings
from echo_auth.passkeys import RelyingParty
from echo_auth.passwords import Passwords
from echo_auth.repository import ApiKeys, ChangedSettings, Erasures, Identities, Passkeys, Profiles, Sessions, Users
from echo_auth.settings import AuthSettings
from echo_auth.throttle import Throttle
from echo_auth.usecases.registration import ensure_admin
from echo_auth.user_data import AuthUserData
from echo_common.outbox.repository import Repository
from echo_common.service import Adapters
from echo_common.user_data.erasure import ErasedUsers, UserErasure


@asynccontextmanager
async def open_dependencies(settings: AuthSettings, oidc: OidcSettings, adapters: Adapters) -> AsyncIterator[Dependencies]:
    """Open the dependencies while the context lasts, and create the administrator that the settings name."""
    store, relay = adapters.store, adapters.relay
    secret = settings.secret.get_secret_value()
    async with (
        Passwords.open(rounds=settings.password_rounds, memory_kib=settings.password_memory_kib) as passwords,
        IdentityProvider.open(oidc, adapters.public_url) as identity_provider,
    ):
        users, erasures, erased_users = Users(store, relay), Erasures(store, relay), ErasedUsers(store, relay)
        api_keys, identities, passkeys = ApiKeys(store, relay), Identities(store, relay), Passkeys(store, relay)
        profiles, sessions = Profiles(store, relay), Sessions(store, relay)
        audit = await AuditLog.open(store, secret)
        data = AuthUserData(users, [api_keys, identities, passkeys, profiles, sessions], erasures, audit, adapters.faults)
        deps = Dependencies(
            api_keys=api_keys,
            users=users,
            identities=identities,
            passkeys=passkeys,
            profiles=profiles,
            sessions=sessions,
            changed_settings=ChangedSettings(store, relay),
            audit=audit,
            erasures=erasures,
            erased_users=erased_users,
            erasure=UserErasure(erased_users, data, None, adapters.faults),
            passwords=passwords,
            relying_party=RelyingParty(adapters.public_url),
            challenges=await Challenges.open(store.collection("login_challenges")),
            signer=await Signer.open(store.collection("signing_keys"), secret, settings.access_lasts),
            throttle=await Throttle.open(store.collection("login_failures")),
            totp_encryption=Encryption(secret, Purpose.TOTP_SECRETS),
            settings=settings,
            oidc=oidc,
            identity_provider=identity_provider,
            public_url=adapters.public_url,
            live_settings=adapters.live_settings,
            api_without_token=adapters.api_without_token,
        )
        repositories: list[Repository[Any]] = [users, erasures, erased_users, *data.owned, deps.changed_settings]
        for repository in repositories:
            await repository.prepare()
        await ensure_admin(deps)
        async with deps.erasure.running():
            yield deps
