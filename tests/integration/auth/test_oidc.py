"""Logins and bearer tokens of an identity provider."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from pydantic import SecretStr

from echo_auth.oidc_settings import OidcSettings
from echo_common.contracts.http.api_keys import EXCHANGE_PATH
from tests.integration.auth.conftest import SETTINGS, Auth, Start, start_login
from tests.support.identity_provider import AUDIENCE, CLIENT_ID, CLIENT_SECRET, IdentityProvider, new_key
from tests.support.mail_server import MailServer, token_in
from tests.support.visitor import Reply, Visitor

EMAIL = "ada@example.com"


@pytest.fixture
async def provider() -> AsyncIterator[IdentityProvider]:
    async with IdentityProvider.running() as running:
        yield running


def settings(provider: IdentityProvider, **more: Any) -> OidcSettings:
    return OidcSettings(
        issuer=provider.url, client_id=CLIENT_ID, client_secret=SecretStr(CLIENT_SECRET), bearer_audience=AUDIENCE, **more
    )


@pytest.fixture
async def auth(start: Start, provider: IdentityProvider) -> AsyncIterator[Auth]:
    async with start(SETTINGS, oidc=settings(provider)) as started:
        yield started


async def begin(auth: Auth) -> tuple[str, str]:
    """Start a login; return the provider's URL and the browser's cookie."""
    return await start_login(auth, "/auth/oidc/login")


async def finish(visitor: Visitor, callback: dict[str, str], cookie: str) -> Reply:
    return await visitor.call("GET", f"/auth/oidc/callback?{urlencode(callback)}", Cookie=cookie, Accept="application/json")


async def log_in(auth: Auth, provider: IdentityProvider) -> Reply:
    url, cookie = await begin(auth)
    return await finish(auth.visitor(), provider.authorize(url), cookie)


async def exchange(auth: Auth, token: str) -> Reply:
    return await auth.visitor().call("POST", EXCHANGE_PATH, {"credential": token})


async def test_an_unknown_user_with_a_verified_email_gets_an_account(auth: Auth, provider: IdentityProvider):
    first, second = await log_in(auth, provider), await log_in(auth, provider)

    assert (first.status, second.status) == (200, 200)
    assert first.data["user"]["id"] == second.data["user"]["id"]
    assert (first.data["user"]["email"], first.data["user"]["first_name"]) == (EMAIL, "Ada")
    assert (await auth.visitor(access_token=first.data["access_token"]).me()).status == 200


async def test_the_stored_subject_counts_when_the_email_changes(auth: Auth, provider: IdentityProvider):
    first = await log_in(auth, provider)
    provider.user |= {"email": "countess@example.com"}

    assert (await log_in(auth, provider)).data["user"]["id"] == first.data["user"]["id"]


async def test_unverified_emails_get_no_account(auth: Auth, provider: IdentityProvider):
    provider.user |= {"email_verified": False}

    assert (await log_in(auth, provider)).code == "OIDC_ACCOUNT_REFUSED"


async def test_unknown_users_are_refused_when_the_operator_admits_none(start: Start, provider: IdentityProvider):
    async with start(SETTINGS, oidc=settings(provider, create_users=False)) as auth:
        assert (await log_in(auth, provider)).code == "OIDC_ACCOUNT_REFUSED"


async def test_an_existing_account_is_linked_only_with_its_users_confirmation(auth: Auth, provider: IdentityProvider):
    ada, eve = auth.visitor(), auth.visitor()
    ada_id = (await ada.register(EMAIL)).data["user"]["id"]
    await eve.register("eve@example.com")

    refused = await log_in(auth, provider)
    assert (refused.status, refused.code) == (409, "LINK_REQUIRED_CONFLICT")
    again = await log_in(auth, provider)
    tokens = [reply.body["error"]["details"]["link_token"] for reply in (refused, again)]

    assert (await eve.call("POST", "/auth/oidc/link", {"link_token": tokens[0]})).code == "LINK_REFUSED_CONFLICT"
    assert (await ada.call("POST", "/auth/oidc/link", {"link_token": tokens[0]})).code == "LINK_REFUSED_CONFLICT"
    assert (await ada.call("POST", "/auth/oidc/link", {"link_token": tokens[1]})).status == 200
    assert (await log_in(auth, provider)).data["user"]["id"] == ada_id


async def test_an_unverified_email_of_an_existing_account_is_not_linked(auth: Auth, provider: IdentityProvider):
    await auth.visitor().register(EMAIL)
    provider.user |= {"email_verified": "true"}

    assert (await log_in(auth, provider)).code == "OIDC_ACCOUNT_REFUSED"


async def test_the_operator_may_permit_links_of_addresses_that_both_have_verified(
    start: Start, provider: IdentityProvider, mails: MailServer
):
    oidc = settings(provider, link_verified_emails=True)
    async with start(SETTINGS, oidc=oidc, mail=mails.settings) as auth:
        ada_id = (await auth.visitor().register(EMAIL)).data["user"]["id"]
        assert (await log_in(auth, provider)).code == "LINK_REQUIRED_CONFLICT"

        await auth.visitor().call("POST", "/auth/password/forgot", {"email": EMAIL})
        body = {"token": token_in(await mails.received(EMAIL)), "new_password": "staple gun paradise"}
        assert (await auth.visitor().call("POST", "/auth/password/reset", body)).status == 200

        assert (await log_in(auth, provider)).data["user"]["id"] == ada_id


async def test_a_callback_is_accepted_once_and_only_in_its_browser(auth: Auth, provider: IdentityProvider):
    url, cookie = await begin(auth)
    callback = provider.authorize(url)

    assert (await finish(auth.visitor(), callback, "echo_oidc_state=other")).code == "OIDC_LOGIN_FAILED"
    assert (
        await auth.visitor().call("GET", f"/auth/oidc/callback?{urlencode(callback)}", Accept="application/json")
    ).code == "OIDC_LOGIN_FAILED"
    replies = await asyncio.gather(*(finish(auth.visitor(), callback, cookie) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [200, 401, 401, 401]


async def test_a_code_of_another_login_is_refused(auth: Auth, provider: IdentityProvider):
    mine, cookie = await begin(auth)
    other, _ = await begin(auth)
    stolen = provider.authorize(mine) | {"code": provider.authorize(other)["code"]}

    assert (await finish(auth.visitor(), stolen, cookie)).code == "OIDC_LOGIN_FAILED"


async def browse(auth: Auth, callback: dict[str, str], cookie: str) -> tuple[str, list[str]]:
    """Open the callback in a browser; return where it is redirected to, and the cookies."""
    url = auth.client.next_replicas()[0] + f"/auth/oidc/callback?{urlencode(callback)}"
    headers = {"Cookie": cookie, "Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Site": "cross-site"}
    async with auth.client.session.get(url, headers=headers, allow_redirects=False) as response:
        assert response.status == 303
        assert response.headers["Cache-Control"] == "no-store"
        return response.headers["Location"], response.headers.getall("Set-Cookie", [])


async def test_a_browser_gets_the_refresh_cookie_and_a_page_of_the_platform(auth: Auth, provider: IdentityProvider):
    url, cookie = await begin(auth)
    callback = provider.authorize(url) | {"next": "https://evil.example.com", "redirect_uri": "https://evil.example.com"}

    location, cookies = await browse(auth, callback, cookie)

    assert location == "/logged-in"
    refresh = next(cookie for cookie in cookies if cookie.startswith("echo_refresh="))
    assert {"HttpOnly", "SameSite=strict", "Path=/api/v1/auth"} <= set(refresh.split("; "))
    headers = {"Cookie": refresh.partition(";")[0], "X-Refresh-Token": "cookie", "Sec-Fetch-Site": "same-origin"}
    reply = await auth.visitor().call("POST", "/auth/refresh", {}, **headers)
    assert (await auth.visitor(access_token=reply.data["access_token"]).me()).data["email"] == EMAIL


async def test_a_browser_is_shown_errors_and_the_way_to_link(auth: Auth, provider: IdentityProvider):
    url, cookie = await begin(auth)
    assert await browse(auth, provider.authorize(url), "echo_oidc_state=other") == ("/logged-in#error=OIDC_LOGIN_FAILED", [])
    ada = auth.visitor()
    await ada.register(EMAIL)

    location, cookies = await browse(auth, provider.authorize(url), cookie)

    page, _, fragment = location.partition("#")
    shown = {name: values[0] for name, values in parse_qs(fragment).items()}
    assert (page, shown["error"], cookies) == ("/logged-in", "LINK_REQUIRED_CONFLICT", [])
    assert (await ada.call("POST", "/auth/oidc/link", {"link_token": shown["link_token"]})).status == 200


async def test_userinfo_is_asked_for_an_email_that_the_id_token_lacks(auth: Auth, provider: IdentityProvider):
    provider.userinfo, provider.user = provider.user, {"sub": "ada-1"}

    assert (await log_in(auth, provider)).data["user"]["email"] == EMAIL


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sub": "eve-1"}, "OIDC_LOGIN_FAILED"),
        ({"email_verified": False}, "OIDC_ACCOUNT_REFUSED"),
        ({"email": None}, "OIDC_ACCOUNT_REFUSED"),
    ],
)
async def test_userinfo_of_another_user_or_without_a_verified_email_is_refused(
    auth: Auth, provider: IdentityProvider, changes: dict[str, Any], code: str
):
    provider.userinfo, provider.user = provider.user | changes, {"sub": "ada-1", "email_verified": True}

    assert (await log_in(auth, provider)).code == code


async def test_a_refusal_by_the_provider_is_reported(auth: Auth, provider: IdentityProvider):
    url, cookie = await begin(auth)
    state = provider.authorize(url)["state"]

    assert (await finish(auth.visitor(), {"error": "access_denied", "state": state}, cookie)).code == "OIDC_LOGIN_FAILED"


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "another"},
        {"aud": "another-client"},
        {"aud": [CLIENT_ID, "another-client"]},
        {"azp": "another-client"},
        {"iss": "https://evil.example.com"},
        {"exp": 1},
        {"sub": None},
        {"sub": ""},
    ],
)
async def test_id_tokens_that_are_not_for_this_login_are_refused(
    auth: Auth, provider: IdentityProvider, changes: dict[str, Any]
):
    provider.id_token_changes = changes

    assert (await log_in(auth, provider)).code == "OIDC_LOGIN_FAILED"


async def test_rotated_keys_are_read_again(auth: Auth, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch):
    await log_in(auth, provider)
    provider.key = new_key("key-2")
    assert (await log_in(auth, provider)).code == "OIDC_LOGIN_FAILED"
    monkeypatch.setattr("echo_auth.identity_provider._RENEWED_AFTER_SECONDS", 0.0)

    assert (await log_in(auth, provider)).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"jwks_uri": "http://127.0.0.1:1/jwks"},
        {"jwks_uri": "/moved"},
        {"issuer": "https://evil.example.com"},
        {"jwks_uri": None},
    ],
)
async def test_requests_go_to_the_issuer_only_without_redirects(
    auth: Auth, provider: IdentityProvider, changes: dict[str, Any]
):
    url = changes.get("jwks_uri")
    provider.metadata_changes = {"jwks_uri": provider.url + url} if url == "/moved" else changes

    reply = await auth.visitor().call("GET", "/auth/oidc/login")

    assert (reply.status, reply.code) == (503, "IDENTITY_PROVIDER_UNAVAILABLE")
    assert "/jwks" not in provider.requests


async def test_oversized_responses_are_refused(auth: Auth, provider: IdentityProvider):
    provider.metadata_changes = {"padding": "x" * 300_000}

    assert (await auth.visitor().call("GET", "/auth/oidc/login")).code == "IDENTITY_PROVIDER_UNAVAILABLE"


async def test_without_an_identity_provider_nothing_is_offered(start: Start):
    async with start(SETTINGS) as auth:
        assert (await auth.visitor().call("GET", "/auth/oidc")).data["configured"] is False
        assert (await auth.visitor().call("GET", "/auth/oidc/login")).code == "IDENTITY_PROVIDER_NOT_FOUND"
        assert (await exchange(auth, IdentityProvider().access_token())).code == "INVALID_TOKEN"


async def test_bearer_tokens_of_the_issuer_are_exchanged_for_the_users_token(auth: Auth, provider: IdentityProvider):
    user = (await log_in(auth, provider)).data["user"]

    reply = await exchange(auth, provider.access_token(exp=int(time.time()) + 100))

    assert 0 < reply.data["expires_in"] <= 100
    assert (await auth.visitor(access_token=reply.data["access_token"]).me()).data["id"] == user["id"]


async def test_bearer_tokens_of_unknown_users_create_an_account(auth: Auth, provider: IdentityProvider):
    reply = await exchange(auth, provider.access_token())

    assert (await auth.visitor(access_token=reply.data["access_token"]).me()).data["email"] == EMAIL


async def test_bearer_tokens_do_not_take_over_an_account(auth: Auth, provider: IdentityProvider):
    await auth.visitor().register(EMAIL)

    assert (await exchange(auth, provider.access_token())).code == "INVALID_TOKEN"


async def test_bearer_tokens_that_are_not_for_this_platform_are_refused(auth: Auth, provider: IdentityProvider):
    other = new_key(provider.key.kid or "")
    refused = [
        provider.access_token(aud="another-api"),
        provider.access_token(aud=CLIENT_ID, nonce="n"),
        provider.access_token(iss="https://evil.example.com"),
        provider.access_token(exp=1),
        provider.access_token(sub=""),
        provider.sign({"sub": "ada-1"}),
        provider.sign({"iss": provider.url, "sub": "ada-1", "aud": AUDIENCE, "iat": 1, "exp": 9_999_999_999}, key=other),
        "a.b.c",
    ]

    assert [(await exchange(auth, token)).code for token in refused] == ["INVALID_TOKEN"] * len(refused)
