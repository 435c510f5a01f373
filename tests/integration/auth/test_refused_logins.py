"""Tests of refused logins and of the information they reveal."""

import asyncio
from datetime import timedelta

import pytest

from echo_auth.throttle import Attempt
from echo_common.clock import now
from echo_common.contracts.errors.auth import TooManyAttemptsError
from tests.integration.auth.conftest import Auth
from tests.support.issuer import Issuer
from tests.support.visitor import PASSWORD, Reply


def without_what_always_differs(reply: Reply) -> tuple[int, object, set[str]]:
    return reply.status, reply.body | {"request_id": "", "timestamp": ""}, set(reply.headers)


async def test_unknown_users_and_wrong_passwords_get_the_same_response(auth: Auth):
    await auth.visitor().register("ada@example.com", username="ada")

    wrong = await auth.visitor().log_in("ada@example.com", "not the password")
    wrong_by_name = await auth.visitor().log_in("ada", "not the password")
    unknown = await auth.visitor().log_in("nobody@example.com", "not the password")

    assert (wrong.status, wrong.code) == (401, "INVALID_CREDENTIALS")
    assert (
        without_what_always_differs(wrong) == without_what_always_differs(unknown) == without_what_always_differs(wrong_by_name)
    )


async def test_unknown_users_cost_a_password_comparison(auth: Auth, monkeypatch: pytest.MonkeyPatch):
    compared: list[str | None] = []
    check = auth.deps.passwords.check

    async def watched(password: str, against: str | None):
        compared.append(against)
        return await check(password, against)

    monkeypatch.setattr(auth.deps.passwords, "check", watched)
    await auth.visitor().log_in("nobody@example.com", "not the password")

    assert compared == [None]


async def test_empty_and_overlong_passwords_are_refused_before_hashing(auth: Auth):
    for password in ("", "x" * 129):
        assert (await auth.visitor().log_in("ada@example.com", password)).code == "VALIDATION_ERROR"


async def test_secrets_that_are_no_valid_text_are_refused(auth: Auth):
    refused = "half a surrogate pair \ud800"
    for path, body in (
        ("/auth/login", {"email": "ada@example.com", "password": refused}),
        ("/auth/refresh", {"refresh_token": refused}),
        ("/auth/password/reset", {"token": refused, "new_password": "staple gun paradise"}),
        ("/auth/email/confirm", {"token": refused}),
    ):
        reply = await auth.visitor().call("POST", path, body)

        assert (reply.status, reply.code) == (422, "VALIDATION_ERROR")


async def test_refusals_do_not_repeat_the_input(auth: Auth):
    reply = await auth.visitor().call("POST", "/auth/register", {"email": "ada@example.com", "password": "s3cr3t!"})

    assert reply.status == 422
    assert "s3cr3t!" not in str(reply.body)


async def test_password_guessing_is_throttled_by_address_and_the_owner_can_log_in(auth: Auth):
    await auth.visitor().register("ada@example.com")
    guesser = auth.visitor(address="198.51.100.1")

    guesses = [await guesser.log_in("ada@example.com", f"guess {n}") for n in range(11)]

    assert [guess.status for guess in guesses] == [401] * 10 + [429]
    assert guesses[-1].code == "TOO_MANY_ATTEMPTS"
    assert 0 < int(guesses[-1].headers["Retry-After"]) <= 900
    assert (await guesser.log_in("ada@example.com")).status == 429
    assert (await auth.visitor().log_in("ada@example.com")).status == 200


async def test_unknown_accounts_are_throttled_too(auth: Auth):
    guesses = [await auth.visitor().log_in("nobody@example.com", f"guess {n}") for n in range(11)]

    assert [guess.status for guess in guesses] == [401] * 10 + [429]


async def test_a_successful_login_resets_the_failure_count(auth: Auth):
    await auth.visitor().register("ada@example.com")
    for _ in range(2):
        for n in range(9):
            await auth.visitor().log_in("ada@example.com", f"typo {n}")
        assert (await auth.visitor().log_in("ada@example.com")).status == 200


async def test_concurrent_guesses_do_not_exceed_the_limit(auth: Auth):
    guesses = await asyncio.gather(*(auth.visitor().log_in("ada@example.com", f"guess {n}") for n in range(30)))

    assert sorted(guess.status for guess in guesses) == [401] * 10 + [429] * 20


async def test_concurrent_guesses_from_many_addresses_are_all_counted(auth: Auth):
    throttle = auth.deps.throttle

    await asyncio.gather(*(throttle.count_attempt(Attempt.LOGIN, "ada@example.com", f"198.51.100.{n}") for n in range(200)))

    with pytest.raises(TooManyAttemptsError):
        await throttle.count_attempt(Attempt.LOGIN, "Ada@example.com", "203.0.113.200")


async def test_refused_attempts_and_successful_logins_do_not_count_for_the_account(auth: Auth):
    throttle = auth.deps.throttle
    for _ in range(10):
        await throttle.count_attempt(Attempt.LOGIN, "ada@example.com", "198.51.100.1")
    for _ in range(200):
        with pytest.raises(TooManyAttemptsError):
            await throttle.count_attempt(Attempt.LOGIN, "ada@example.com", "198.51.100.1")
        await throttle.count_attempt(Attempt.LOGIN, "ada@example.com", "203.0.113.200")
        await throttle.reset(Attempt.LOGIN, "ada@example.com", "203.0.113.200")


async def test_the_throttle_expires(auth: Auth, monkeypatch: pytest.MonkeyPatch):
    throttle = auth.deps.throttle
    for _ in range(10):
        await throttle.count_attempt(Attempt.LOGIN, "ada@example.com", "198.51.100.1")
    later = now() + timedelta(minutes=16)

    monkeypatch.setattr("echo_common.failed_attempts.now", lambda: later)

    for _ in range(10):
        await throttle.count_attempt(Attempt.LOGIN, "ada@example.com", "198.51.100.1")


async def test_disabled_accounts_are_revealed_only_with_the_password(auth: Auth):
    ada = auth.visitor()
    reply = await ada.register("ada@example.com")

    def switch_off(user) -> None:
        user.is_active = False

    await auth.deps.users.update(reply.data["user"]["id"], switch_off)

    assert (await auth.visitor().log_in("ada@example.com", "guess")).code == "INVALID_CREDENTIALS"
    assert (await auth.visitor().log_in("ada@example.com")).code == "ACCOUNT_INACTIVE"
    assert (await ada.refresh()).status == 401


async def test_tokens_of_another_issuer_are_refused(auth: Auth):
    other = Issuer()

    for token in (other.token(), other.token(header={"kid": auth.deps.signer.jwks.keys[0]["kid"]}), "nonsense"):
        reply = await auth.visitor(access_token=token).me()
        assert (reply.status, reply.code) == (401, "INVALID_TOKEN")
    nobody = await auth.visitor().me()
    assert (nobody.status, nobody.code) == (401, "UNAUTHENTICATED")


async def test_expired_tokens_have_their_own_error(auth: Auth):
    reply = await auth.visitor().register("ada@example.com")
    user = await auth.deps.users.get(reply.data["user"]["id"])
    old = auth.deps.signer.access_token(user, "ses_1", now() - timedelta(hours=1))

    assert (await auth.visitor(access_token=old).me()).code == "TOKEN_EXPIRED"


async def test_attempts_beside_running_ones_may_be_repeated_soon(auth: Auth):
    await auth.visitor().register("ada@example.com")
    clients = [auth.visitor(address="198.51.100.1") for _ in range(16)]

    replies = await asyncio.gather(*(client.log_in("ada@example.com") for client in clients))

    refused = [reply for reply in replies if reply.status != 200]
    assert all(reply.code == "TOO_MANY_ATTEMPTS" and int(reply.headers["Retry-After"]) <= 3 for reply in refused)
    assert (await clients[0].log_in("ada@example.com")).status == 200


async def guess_from_everywhere(auth: Auth) -> None:
    for number in range(200):
        await auth.deps.throttle.count_attempt(Attempt.LOGIN, "ada@example.com", f"198.51.100.{number}")


async def test_an_attacker_cannot_lock_out_the_owner(auth: Auth):
    await auth.visitor().register("ada@example.com")
    assert (await auth.visitor().log_in("ada@example.com")).status == 200
    await guess_from_everywhere(auth)

    elsewhere = await auth.visitor(address="192.0.2.55").log_in("ada@example.com")
    at_home = await auth.visitor().log_in("ada@example.com")

    assert (elsewhere.status, at_home.status) == (429, 200)


async def test_an_attacker_cannot_keep_the_owner_from_confirming_the_password(auth: Auth):
    ada = auth.visitor()
    await ada.register("ada@example.com")
    assert (await ada.log_in("ada@example.com")).status == 200
    await guess_from_everywhere(auth)

    body = {"current_password": PASSWORD, "new_password": "staple gun paradise"}

    assert (await ada.call("POST", "/auth/password/change", body)).status == 200


async def test_known_networks_have_their_own_limit(auth: Auth):
    await auth.visitor().register("ada@example.com")
    assert (await auth.visitor().log_in("ada@example.com")).status == 200

    guesses = [await auth.visitor().log_in("ada@example.com", f"guess {n}") for n in range(11)]

    assert [guess.status for guess in guesses] == [401] * 10 + [429]


async def test_networks_are_known_for_30_days(auth: Auth):
    reply = await auth.visitor().register("ada@example.com")
    await auth.visitor().log_in("ada@example.com")
    user_id = reply.data["user"]["id"]

    def age(user) -> None:
        user.known_networks[0].last_login -= timedelta(days=31)

    await auth.deps.users.update(user_id, age)
    await guess_from_everywhere(auth)

    assert (await auth.visitor().log_in("ada@example.com")).status == 429


async def test_an_ipv6_network_is_one_address(auth: Auth):
    guessers = [auth.visitor(address=f"2001:db8::{number}") for number in range(1, 12)]

    guesses = [await guesser.log_in("ada@example.com", "guess") for guesser in guessers]

    assert [guess.status for guess in guesses] == [401] * 10 + [429]


async def test_names_of_other_counters_are_ordinary_names_at_a_login(auth: Auth):
    for number in range(200):
        await auth.deps.throttle.count_attempt(Attempt.LOGIN, "password reset\nada@example.com", f"198.51.100.{number}")

    for number in range(10):
        await auth.deps.throttle.count_attempt(Attempt.PASSWORD_RESET, "ada@example.com", f"203.0.113.{number}")
