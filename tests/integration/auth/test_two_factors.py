"""Two-factor authentication: TOTP codes and recovery codes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyotp
import pytest

from echo_auth.usecases.reauthentication import RECENT
from echo_common.clock import now
from tests.integration.auth.conftest import Auth
from tests.support.visitor import PASSWORD, Reply, Visitor

EMAIL = "ada@example.com"


@dataclass
class Clock:
    """The clock of second factors, which tests set."""

    time: datetime

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: int) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass
class App:
    """An authenticator app."""

    secret: str
    clock: Clock

    @property
    def code(self) -> str:
        return pyotp.TOTP(self.secret).at(self.clock())

    @property
    def wrong_code(self) -> str:
        return str((int(self.code) + 1) % 1_000_000).zfill(6)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(now())
    monkeypatch.setattr("echo_auth.usecases.second_factors.now", clock)
    return clock


async def enabled(ada: Visitor, clock: Clock) -> tuple[App, Sequence[str]]:
    """Register a user with two-factor authentication; return the app and the recovery codes."""
    await ada.register(EMAIL)
    app = App((await ada.call("POST", "/auth/2fa/setup")).data["secret"], clock)
    reply = await ada.call("POST", "/auth/2fa/enable", {"code": app.code})
    assert reply.status == 200
    clock.advance(30)
    return app, reply.data["recovery_codes"]


async def log_in(auth: Auth, code: str | None = None, **more: Any) -> Reply:
    return await auth.visitor(**more).log_in(EMAIL, totp_code=code)


async def stored(auth: Auth) -> dict[str, Any]:
    document = await auth.store.collection("users").find_one({"email": EMAIL})
    assert document is not None
    return document


async def test_setup_returns_a_secret_its_uri_and_a_picture(auth: Auth):
    ada = auth.visitor()
    await ada.register(EMAIL)

    reply = await ada.call("POST", "/auth/2fa/setup")

    parsed = pyotp.parse_uri(reply.data["otpauth_uri"])
    assert (parsed.secret, parsed.name, parsed.issuer) == (reply.data["secret"], EMAIL, "Echo")
    assert reply.data["qr_code"].startswith("data:image/svg+xml")
    assert reply.headers["Cache-Control"] == "no-store"
    assert (await ada.me()).data["two_factor_enabled"] is False


async def test_a_valid_code_enables_it_and_logins_then_need_a_code(auth: Auth, clock: Clock):
    ada = auth.visitor()
    app, recovery_codes = await enabled(ada, clock)

    assert len(set(recovery_codes)) == 10
    assert (await ada.me()).data["two_factor_enabled"] is True
    missing = await log_in(auth)
    assert (missing.status, missing.code) == (401, "TOTP_REQUIRED")
    assert (await log_in(auth, app.code)).status == 200


async def test_a_setup_has_no_effect_until_a_code_confirms_it(auth: Auth, clock: Clock):
    ada = auth.visitor()
    await ada.register(EMAIL)
    app = App((await ada.call("POST", "/auth/2fa/setup")).data["secret"], clock)

    wrong = await ada.call("POST", "/auth/2fa/enable", {"code": app.wrong_code})

    assert (wrong.status, wrong.code) == (401, "INVALID_TOTP_CODE")
    assert (await log_in(auth)).status == 200


async def test_a_missing_second_factor_is_reported_only_with_the_right_password(auth: Auth, clock: Clock):
    await enabled(auth.visitor(), clock)

    assert (await auth.visitor().log_in(EMAIL, "not the password")).code == "INVALID_CREDENTIALS"


async def test_a_code_is_accepted_once(auth: Auth, clock: Clock):
    app, _ = await enabled(auth.visitor(), clock)
    code = app.code

    replies = [await log_in(auth, code), await log_in(auth, code)]

    assert [reply.status for reply in replies] == [200, 401]
    assert replies[1].code == "INVALID_TOTP_CODE"
    clock.advance(30)
    assert (await log_in(auth, code)).status == 401
    assert (await log_in(auth, app.code)).status == 200


async def test_the_code_that_enabled_it_is_used(auth: Auth, clock: Clock):
    app, _ = await enabled(auth.visitor(), clock)
    clock.advance(-30)

    assert (await log_in(auth, app.code)).code == "INVALID_TOTP_CODE"


async def test_concurrent_logins_with_a_code_start_one_session(auth: Auth, clock: Clock):
    app, recovery_codes = await enabled(auth.visitor(), clock)
    for code in (app.code, recovery_codes[0]):
        before = await auth.store.collection("sessions").count({})

        replies = await asyncio.gather(*(log_in(auth, code, address=f"198.51.100.{n}") for n in range(8)))

        assert sorted(reply.status for reply in replies) == [200] + [401] * 7
        assert await auth.store.collection("sessions").count({}) == before + 1


async def test_codes_of_a_device_whose_clock_differs_are_accepted_within_a_step(auth: Auth, clock: Clock):
    app, _ = await enabled(auth.visitor(), clock)
    code = app.code
    clock.advance(60)

    assert (await log_in(auth, code)).status == 401
    clock.advance(-30)
    assert (await log_in(auth, code)).status == 200


async def test_wrong_codes_are_throttled(auth: Auth, clock: Clock):
    app, _ = await enabled(auth.visitor(), clock)

    replies = [await log_in(auth, app.wrong_code) for _ in range(11)]

    assert [reply.code for reply in replies] == ["INVALID_TOTP_CODE"] * 10 + ["TOO_MANY_ATTEMPTS"]
    assert (await log_in(auth, app.code)).status == 429
    assert (await log_in(auth, app.code, address="198.51.100.1")).status == 200


async def test_logins_without_a_code_do_not_count_as_failed(auth: Auth, clock: Clock):
    app, _ = await enabled(auth.visitor(), clock)

    for _ in range(12):
        assert (await log_in(auth)).code == "TOTP_REQUIRED"

    assert (await log_in(auth, app.code)).status == 200


async def test_a_recovery_code_replaces_a_code_once(auth: Auth, clock: Clock):
    _, recovery_codes = await enabled(auth.visitor(), clock)
    typed = recovery_codes[0].upper().replace("-", " ")

    replies = [await log_in(auth, typed), await log_in(auth, recovery_codes[0]), await log_in(auth, recovery_codes[1])]

    assert [reply.status for reply in replies] == [200, 401, 200]
    assert replies[1].code == "INVALID_TOTP_CODE"


async def test_new_recovery_codes_replace_the_old_ones(auth: Auth, clock: Clock):
    ada = auth.visitor()
    app, old = await enabled(ada, clock)

    reply = await ada.call("POST", "/auth/2fa/recovery-codes", {"password": PASSWORD, "code": app.code})

    assert (await log_in(auth, old[0])).status == 401
    assert (await log_in(auth, reply.data["recovery_codes"][0])).status == 200


async def test_disabling_needs_the_password_and_a_code(auth: Auth, clock: Clock):
    ada = auth.visitor()
    app, recovery_codes = await enabled(ada, clock)

    async def disable(password: str, code: str) -> Reply:
        return await ada.call("POST", "/auth/2fa/disable", {"password": password, "code": code})

    wrong = await disable("not the password", app.code)
    assert (wrong.status, wrong.code) == (403, "WRONG_PASSWORD")
    assert (await disable(PASSWORD, app.wrong_code)).code == "INVALID_TOTP_CODE"
    assert (await log_in(auth)).code == "TOTP_REQUIRED"
    assert (await disable(PASSWORD, recovery_codes[0])).status == 200
    assert (await log_in(auth)).status == 200
    assert {"totp_secret", "totp_offered_secret"}.isdisjoint(await stored(auth))
    assert (await disable(PASSWORD, app.code)).code == "TWO_FACTOR_DISABLED_CONFLICT"


async def test_the_secret_is_encrypted_and_recovery_codes_are_hashed(auth: Auth, clock: Clock):
    app, recovery_codes = await enabled(auth.visitor(), clock)

    text = str(await stored(auth))

    assert "totp_secret" in text
    assert app.secret not in text
    assert not any(code in text for code in recovery_codes)


async def test_an_enabled_second_factor_is_not_replaced(auth: Auth, clock: Clock):
    ada = auth.visitor()
    app, _ = await enabled(ada, clock)

    assert (await ada.call("POST", "/auth/2fa/setup")).code == "TWO_FACTOR_ENABLED_CONFLICT"
    assert (await ada.call("POST", "/auth/2fa/enable", {"code": app.code})).code == "TWO_FACTOR_ENABLED_CONFLICT"
    assert (await log_in(auth, app.code)).status == 200


async def test_enabling_needs_a_setup(auth: Auth):
    ada = auth.visitor()
    await ada.register(EMAIL)

    assert (await ada.call("POST", "/auth/2fa/enable", {"code": "123456"})).code == "TWO_FACTOR_DISABLED_CONFLICT"


async def test_old_sessions_cannot_add_a_second_factor(auth: Auth, monkeypatch: pytest.MonkeyPatch):
    ada = auth.visitor()
    await ada.register(EMAIL)
    later = now() + RECENT + timedelta(seconds=1)
    monkeypatch.setattr("echo_auth.usecases.reauthentication.now", lambda: later)

    reply = await ada.call("POST", "/auth/2fa/setup")

    assert (reply.status, reply.code) == (403, "REAUTHENTICATION_REQUIRED")
