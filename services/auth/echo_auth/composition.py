"""Dependencies of the auth service: opened with its adapters, closed in reverse order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Final

import structlog

from echo_auth.audit_log import AuditLog
from echo_auth.dependencies import Dependencies
from echo_auth.domain.exports import EXPORT_PREFIX
from echo_auth.domain.profiles import AVATAR_PREFIX
from echo_auth.encryption import SETTING, Purpose
from echo_auth.export_sources import LocalSource, open_sources
from echo_auth.identity_provider import IdentityProvider
from echo_auth.keys import Signer
from echo_auth.link_tokens import LinkTokens
from echo_auth.mail.operator_log import OperatorLog
from echo_auth.mail.port import Mailer
from echo_auth.mail.settings import MailSettings
from echo_auth.mail.smtp import SmtpMailer
from echo_auth.oidc_settings import OidcSettings
from echo_auth.passkeys import RelyingParty
from echo_auth.passwords import Passwords
from echo_auth.repository import (
    ApiKeys,
    ChangedSettings,
    Erasures,
    Exports,
    Identities,
    Mails,
    Passkeys,
    Profiles,
    RestoredErasures,
    Sessions,
    Users,
)
from echo_auth.retention_schedule import RetentionSchedule
from echo_auth.settings import AuthSettings
from echo_auth.spotify_provider import SpotifyProvider
from echo_auth.throttle import Throttle
from echo_auth.usecases.erasures import repeat_erasures
from echo_auth.usecases.export_archives import make_archive
from echo_auth.usecases.exports import expiring, find_owned_archives
from echo_auth.usecases.mail_delivery import delivering
from echo_auth.usecases.profiles import find_owned_avatars
from echo_auth.usecases.registration import ensure_admin
from echo_auth.usecases.retention import apply_retention
from echo_auth.user_data import AuthUserData
from echo_common.auth.signed_links import LinkSigner
from echo_common.challenges import Challenges
from echo_common.encryption import Encryption, derive_key
from echo_common.outbox.repository import Repository
from echo_common.service import Adapters
from echo_common.storage.orphans import OrphanSweeper
from echo_common.user_data.erasure import ErasedUsers, UserErasure
from echo_common.work.queue import WorkQueue
from echo_common.work.worker import Worker

_LEASE_SECONDS: Final = 15.0


@asynccontextmanager
async def open_dependencies(
    settings: AuthSettings, oidc: OidcSettings, mail: MailSettings, adapters: Adapters
) -> AsyncIterator[Dependencies]:
    """Open the dependencies while the context lasts, and create the administrator that the settings name."""
    if omitted := settings.omitted_services:
        structlog.get_logger("echo.exports").warning("export_services_omitted", services=list(omitted))
    store, relay = adapters.store, adapters.relay
    secret = settings.secret.get_secret_value()
    async with (
        AsyncExitStack() as stack,
        Passwords.open(rounds=settings.password_rounds, memory_kib=settings.password_memory_kib) as passwords,
        IdentityProvider.open(oidc, adapters.public_url) as identity_provider,
        SpotifyProvider.open(settings, adapters.public_url) as spotify_provider,
    ):
        users, erasures, erased_users = Users(store, relay), Erasures(store, relay), ErasedUsers(store, relay)
        api_keys, identities, passkeys = ApiKeys(store, relay), Identities(store, relay), Passkeys(store, relay)
        profiles, sessions = Profiles(store, relay), Sessions(store, relay)
        audit = await AuditLog.open(store, secret)
        mails = Mails(store, relay)
        changed_settings = ChangedSettings(store, relay)
        exports = Exports(store, relay)
        data = AuthUserData(
            users=users,
            profiles=profiles,
            sessions=sessions,
            api_keys=api_keys,
            passkeys=passkeys,
            identities=identities,
            exports=exports,
            mails=mails,
            changed_settings=changed_settings,
            objects=adapters.objects,
            erasures=erasures,
            audit=audit,
            faults=adapters.faults,
        )
        deps = Dependencies(
            api_keys=api_keys,
            users=users,
            identities=identities,
            passkeys=passkeys,
            profiles=profiles,
            sessions=sessions,
            changed_settings=changed_settings,
            mails=mails,
            audit=audit,
            erasures=erasures,
            erased_users=erased_users,
            restored_erasures=RestoredErasures(store.collection("restored_erasures")),
            erasure=UserErasure(erased_users, data, None, adapters.faults),
            exports=exports,
            export_sources=await stack.enter_async_context(
                open_sources(LocalSource(data, adapters.objects), settings.exporting_services)
            ),
            export_links=LinkSigner(derive_key(secret, Purpose.EXPORT_LINKS), "echo-auth exports"),
            worker=Worker(
                _LEASE_SECONDS, adapters.metrics, adapters.faults, exclusive=adapters.exclusive, errors=adapters.errors
            ),
            scratch=adapters.scratch,
            passwords=passwords,
            relying_party=RelyingParty(adapters.public_url),
            challenges=await Challenges.open(store.collection("login_challenges")),
            signer=await Signer.open(store.collection("signing_keys"), secret, settings.access_lasts),
            throttle=await Throttle.open(store.collection("login_failures")),
            totp_encryption=Encryption(secret, Purpose.TOTP_SECRETS, SETTING),
            link_tokens=LinkTokens(secret),
            mailer=_mailer(mail),
            mail_queued=asyncio.Event(),
            settings=settings,
            oidc=oidc,
            identity_provider=identity_provider,
            spotify_provider=spotify_provider,
            live_settings=adapters.live_settings,
            objects=adapters.objects,
            public_url=adapters.public_url,
            api_without_token=adapters.api_without_token,
        )
        repositories: list[Repository[Any]] = [users, erasures, erased_users, mails, *data.owned, deps.changed_settings]
        for repository in repositories:
            await repository.prepare()
        await store.collection("schedules").ensure([])
        await repeat_erasures(deps)
        await ensure_admin(deps)
        owners = {AVATAR_PREFIX: partial(find_owned_avatars, deps=deps), EXPORT_PREFIX: partial(find_owned_archives, deps=deps)}
        orphans = OrphanSweeper(adapters.objects, owners, adapters.orphan_seconds)
        schedule = RetentionSchedule(store.collection("schedules"))
        retention = schedule.running(partial(apply_retention, deps))
        perform = partial(make_archive, deps, adapters.faults)
        queues = [WorkQueue("exports", exports, perform, slots=1)]
        async with (
            deps.erasure.running(),
            delivering(deps),
            orphans.running(),
            retention,
            expiring(deps),
            deps.worker.running(queues),
        ):
            yield deps


def _mailer(settings: MailSettings) -> Mailer:
    return OperatorLog() if settings.smtp_host is None else SmtpMailer(settings.smtp_host, settings)
