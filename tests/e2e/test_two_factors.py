"""Second factors, passkeys and the refresh cookie through the gateway."""

import time

import pyotp

from tests.support.authenticator import Authenticator
from tests.support.person import PASSWORD, Person, data, refusal
from tests.support.platform import Platform


async def test_logins_of_an_account_with_two_factors_need_a_code(platform: Platform) -> None:
    async with Person.at(platform.url) as ada:
        email = await ada.register()
        totp = pyotp.TOTP(data(await ada.http.post("/auth/2fa/setup"))["secret"])
        enabled = data(await ada.http.post("/auth/2fa/enable", json={"code": totp.now()}))
        credentials = {"email": email, "password": PASSWORD}

        assert refusal(await ada.http.post("/auth/login", json=credentials)) == (401, "TOTP_REQUIRED")
        next_code = totp.at(time.time() + totp.interval)
        logins = [await ada.http.post("/auth/login", json={**credentials, "totp_code": next_code}) for _ in range(2)]
        assert data(logins[0])["user"]["two_factor_enabled"] is True
        assert refusal(logins[1]) == (401, "INVALID_TOTP_CODE")
        proof = {"password": PASSWORD, "code": enabled["recovery_codes"][0]}
        assert (await ada.http.post("/auth/2fa/disable", json=proof)).is_success
        assert (await ada.http.post("/auth/login", json=credentials)).is_success


async def test_a_passkey_logs_in_without_a_password(platform: Platform) -> None:
    async with Person.at(platform.url) as ada, Person.at(platform.url) as browser:
        email = await ada.register()
        device = Authenticator()
        options = data(await ada.http.post("/auth/passkeys/options"))["public_key"]
        created = {"name": "Phone", "credential": device.create(options)}
        assert data(await ada.http.post("/auth/passkeys", json=created), 201)["name"] == "Phone"

        options = data(await browser.http.post("/auth/passkeys/login/options"))["public_key"]
        body = {"credential": device.get(options)}
        logins = [await browser.http.post("/auth/passkeys/login", json=body) for _ in range(2)]
        assert data(logins[0])["user"]["email"] == email
        assert refusal(logins[1]) == (401, "INVALID_PASSKEY")


async def test_a_browser_keeps_its_refresh_token_in_a_cookie(platform: Platform) -> None:
    async with Person.at(platform.url) as ada, Person.at(platform.url) as browser:
        email = await ada.register()
        wanted = {"X-Refresh-Token": "cookie"}
        login = await browser.http.post("/auth/login", json={"email": email, "password": PASSWORD}, headers=wanted)
        assert "refresh_token" not in data(login)

        refreshed = await browser.http.post("/auth/refresh", json={}, headers=wanted)
        assert data(refreshed)["access_token"] != data(login)["access_token"]
        elsewhere = wanted | {"Origin": "https://evil.example.com"}
        assert refusal(await browser.http.post("/auth/refresh", json={}, headers=elsewhere)) == (403, "CROSS_SITE_REQUEST")
