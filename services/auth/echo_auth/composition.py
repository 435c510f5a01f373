"""Dependencies of the auth service: opened with its adapters, closed in reverse order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from echo_auth.audit_log import AuditLog
from echo_auth.challenges import Challenges
from echo_auth.dependencies import Dependencies
from echo_auth.encryption import Encryption, Purpose
from echo_auth.identity_provider import IdentityProvider
from echo_auth.keys import Signer
from echo_auth.oidc_settings import OidcSettings
from echo_auth.passkeys import RelyingParty
from echo_auth.passwords import Passwords
from echo_auth.repository import ApiKeys, ChangedSettings, Identities, Passkeys, Profiles, Sessions, Users
from echo_auth.settings import AuthSettings
from echo_auth.throttle import Throttle
from echo_auth.usecases.registration import ensure_admin
from echo_common.service import Adapters


@asynccontextmanager
async def open_dependencies(settings: AuthSettings, oidc: OidcSettings, adapters: Adapters) -> AsyncIterator[Dependencies]:
    """Open the dependencies while the context lasts, and create the administrator that the settings name."""
    store, relay = adapters.store, adapters.relay
    secret = settings.secret.get_secret_value()
    async with (
        Passwords.open(rounds=settings.password_rounds, memory_kib=settings.password_memory_kib) as passwords,
        IdentityProvider.open(oidc, adapters.public_url) as identity_provider,
    ):
        deps = Dependencies(
            api_keys=ApiKeys(store, relay),
            users=Users(store, relay),
            identities=Identities(store, relay),
            passkeys=Passkeys(store, relay),
            profiles=Profiles(store, relay),
            sessions=Sessions(store, relay),
            changed_settings=ChangedSettings(store, relay),
            audit=await AuditLog.open(store, secret),
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
        for repository in (
            deps.api_keys,
            deps.users,
            deps.identities,
            deps.passkeys,
            deps.profiles,
            deps.sessions,
            deps.changed_settings,
        ):
            await repository.prepare()
        await ensure_admin(deps)
        yield deps
