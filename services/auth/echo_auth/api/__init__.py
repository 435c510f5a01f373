"""HTTP API of the auth service, one module per resource.

Paths equal the public ones without `/api/v1`, or without `/api` for the Echo API.
"""

from echo_auth.api import (
    api_keys,
    audit,
    echo_users,
    emails,
    erasures,
    exports,
    guests,
    internal,
    mails,
    oidc,
    passkeys,
    passwords,
    profiles,
    public_keys,
    registration,
    retention,
    second_factors,
    sessions,
    settings,
    spotify_login,
    user_administration,
    users,
)

ROUTERS = (
    registration.router,
    sessions.router,
    passwords.router,
    emails.router,
    second_factors.router,
    passkeys.router,
    oidc.router,
    spotify_login.router,
    api_keys.router,
    guests.router,
    users.router,
    profiles.router,
    echo_users.router,
    public_keys.router,
    settings.router,
    audit.router,
    user_administration.router,
    retention.router,
    erasures.router,
    exports.router,
    mails.router,
    internal.router,
)
