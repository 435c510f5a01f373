"""The refresh token in a cookie, for browsers."""

import pytest

from echo_auth.api.refresh_cookie import COOKIE
from tests.integration.auth.conftest import SETTINGS, Auth, Start
from tests.support.visitor import PASSWORD, Reply

EMAIL = "ada@example.com"
WANTED = {"X-Refresh-Token": "cookie"}


async def log_in(auth: Auth, **headers: str) -> Reply:
    return await auth.visitor().call("POST", "/auth/login", {"email": EMAIL, "password": PASSWORD}, **WANTED, **headers)


async def refresh(auth: Auth, cookie: str, **headers: str) -> Reply:
    return await auth.visitor().call("POST", "/auth/refresh", {}, Cookie=cookie, **headers)


def cookie_of(reply: Reply) -> str:
    return reply.headers["Set-Cookie"].partition(";")[0]


async def test_a_login_keeps_the_refresh_token_in_a_cookie_on_request(auth: Auth):
    registered = await auth.visitor().call("POST", "/auth/register", {"email": EMAIL, "password": PASSWORD}, **WANTED)

    for reply in (registered, await log_in(auth)):
        assert "refresh_token" not in reply.data
        assert reply.data["access_token"]
        fields = set(reply.headers["Set-Cookie"].split("; ")[1:])
        assert {"HttpOnly", "SameSite=strict", "Path=/api/v1/auth"} <= fields
        assert "Secure" not in fields


async def test_a_login_without_the_header_sets_no_cookie(auth: Auth):
    reply = await auth.visitor().register(EMAIL)

    assert reply.data["refresh_token"]
    assert "Set-Cookie" not in reply.headers


async def test_the_cookie_is_secure_on_https(auth: Auth):
    await auth.visitor().register(EMAIL)
    object.__setattr__(auth.deps, "public_url", "https://echo.example.com")

    assert "Secure" in (await log_in(auth)).headers["Set-Cookie"].split("; ")


async def test_a_refresh_uses_and_replaces_the_cookie(auth: Auth):
    await auth.visitor().register(EMAIL)
    cookie = cookie_of(await log_in(auth))

    first = await refresh(auth, cookie, **WANTED)
    second = await refresh(auth, cookie_of(first), **WANTED)

    assert (first.status, second.status) == (200, 200)
    assert "refresh_token" not in first.data
    assert (await auth.visitor(access_token=second.data["access_token"]).me()).status == 200


async def test_a_cookie_without_the_header_is_not_used(auth: Auth):
    await auth.visitor().register(EMAIL)
    cookie = cookie_of(await log_in(auth))

    assert (await refresh(auth, cookie)).status == 422
    assert (await refresh(auth, cookie, **WANTED)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://other.example.com"},
    ],
)
async def test_other_sites_cannot_use_the_cookie(auth: Auth, headers: dict[str, str]):
    await auth.visitor().register(EMAIL)
    cookie = cookie_of(await log_in(auth))

    refused = await refresh(auth, cookie, **WANTED, **headers)

    assert (refused.status, refused.code) == (403, "CROSS_SITE_REQUEST")
    assert (await log_in(auth, **headers)).code == "CROSS_SITE_REQUEST"
    assert (await refresh(auth, cookie, **WANTED, Origin="http://localhost:8080")).status == 200


async def test_a_missing_cookie_is_an_invalid_token(auth: Auth):
    reply = await auth.visitor().call("POST", "/auth/refresh", {}, **WANTED)

    assert (reply.status, reply.code) == (401, "INVALID_REFRESH_TOKEN")


async def test_a_logout_deletes_the_cookie(auth: Auth):
    await auth.visitor().register(EMAIL)
    login = await log_in(auth)
    browser = auth.visitor(access_token=login.data["access_token"])

    reply = await browser.call("POST", "/auth/logout", Cookie=cookie_of(login))

    assert f'{COOKIE}=""' in reply.headers["Set-Cookie"]
    assert "Max-Age=0" in reply.headers["Set-Cookie"]
    assert (await refresh(auth, cookie_of(login), **WANTED)).status == 401


async def test_configured_origins_of_the_same_site_may_use_the_cookie(start: Start):
    async with start(SETTINGS.model_copy(update={"cookie_origins": ("https://studio.example.com",)})) as auth:
        await auth.visitor().register(EMAIL)
        studio = {"Origin": "https://studio.example.com", "Sec-Fetch-Site": "same-site"}

        login = await log_in(auth, **studio)

        assert (await refresh(auth, cookie_of(login), **WANTED, **studio)).status == 200
        for other in ({"Origin": "https://evil.example.com"}, {"Sec-Fetch-Site": "cross-site"}):
            assert (await log_in(auth, **studio | other)).code == "CROSS_SITE_REQUEST"
