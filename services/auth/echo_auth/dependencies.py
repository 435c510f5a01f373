"""Dependencies of routes, use cases and event handlers."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from echo_auth.audit_log import AuditLog
from echo_auth.export_sources import ExportSource
from echo_auth.identity_provider import IdentityProvider
from echo_auth.keys import Signer
from echo_auth.link_tokens import LinkTokens
from echo_auth.mail.port import Mailer
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
from echo_auth.settings import AuthSettings
from echo_auth.spotify_provider import SpotifyProvider
from echo_auth.throttle import Throttle
from echo_common.auth.signed_links import LinkSigner
from echo_common.challenges import Challenges
from echo_common.encryption import Encryption
from echo_common.live_settings import LiveSettings
from echo_common.scratch import Scratch
from echo_common.storage.port import ObjectStore
from echo_common.user_data.erasure import ErasedUsers, UserErasure
from echo_common.work.worker import Worker


@dataclass(frozen=True)
class Dependencies:
    """The dependencies of routes, use cases and event handlers, opened once."""

    api_keys: ApiKeys
    users: Users
    identities: Identities
    passkeys: Passkeys
    profiles: Profiles
    sessions: Sessions
    changed_settings: ChangedSettings
    mails: Mails
    audit: AuditLog
    erasures: Erasures
    erased_users: ErasedUsers
    restored_erasures: RestoredErasures
    erasure: UserErasure
    exports: Exports
    export_sources: Mapping[str, ExportSource]
    """Services whose data of users is exported, by name."""
    export_links: LinkSigner
    worker: Worker
    scratch: Scratch
    passwords: Passwords
    relying_party: RelyingParty
    challenges: Challenges
    signer: Signer
    throttle: Throttle
    totp_encryption: Encryption
    link_tokens: LinkTokens
    mailer: Mailer
    mail_queued: asyncio.Event
    """Notification that a mail was queued in this process."""
    settings: AuthSettings
    oidc: OidcSettings
    identity_provider: IdentityProvider | None
    spotify_provider: SpotifyProvider | None
    live_settings: LiveSettings
    objects: ObjectStore
    public_url: str
    api_without_token: bool = False
