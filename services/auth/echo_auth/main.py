"""Composition root of the auth service."""

from functools import partial

from echo_auth import api, handlers
from echo_auth.composition import open_dependencies
from echo_auth.dependencies import Dependencies
from echo_auth.mail.settings import MailSettings
from echo_auth.oidc_settings import OidcSettings
from echo_auth.settings import AuthSettings
from echo_auth.usecases.measurements import measure_auth
from echo_auth.usecases.profiles import AVATAR_BYTES
from echo_common.http.endpoints import upload_paths
from echo_common.service import Service


def service(
    settings: AuthSettings | None = None, oidc: OidcSettings | None = None, mail: MailSettings | None = None
) -> Service[Dependencies]:
    """Build the auth service; settings come from the environment unless given."""
    chosen = settings or AuthSettings()
    return Service(
        name="auth",
        open=partial(open_dependencies, chosen, oidc or OidcSettings(), mail or MailSettings()),
        routers=api.ROUTERS,
        subscriptions=handlers.subscriptions,
        measure=measure_auth,
        uploads=dict.fromkeys(upload_paths(api.ROUTERS), AVATAR_BYTES),
    )
