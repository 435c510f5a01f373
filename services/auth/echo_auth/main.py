"""Composition of the auth service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from echo_auth import api, handlers, usecases
from echo_auth.keys import Signer
from echo_auth.passwords import Passwords
from echo_auth.repository import Profiles, Sessions, Users
from echo_auth.settings import AuthSettings
from echo_auth.throttle import Throttle
from echo_auth.usecases import Dependencies
from echo_common.service import Adapters, Service


def service(settings: AuthSettings | None = None) -> Service[Dependencies]:
    """Build the auth service; settings come from the environment unless given."""
    chosen = settings or AuthSettings()

    @asynccontextmanager
    async def opened(adapters: Adapters) -> AsyncIterator[Dependencies]:
        store, relay = adapters.store, adapters.relay
        secret = chosen.secret.get_secret_value()
        async with Passwords.open(rounds=chosen.password_rounds, memory_kib=chosen.password_memory_kib) as passwords:
            deps = Dependencies(
                users=Users(store, relay),
                profiles=Profiles(store, relay),
                sessions=Sessions(store, relay),
                passwords=passwords,
                signer=await Signer.open(store.collection("signing_keys"), secret, chosen.access_lasts),
                throttle=await Throttle.open(store.collection("login_failures")),
                settings=chosen,
                api_without_token=adapters.api_without_token,
            )
            for repository in (deps.users, deps.profiles, deps.sessions):
                await repository.prepare()
            await usecases.ensure_admin(deps)
            yield deps

    return Service(name="auth", open=opened, routers=api.ROUTERS, subscriptions=handlers.subscriptions)
