"""Password hashes."""

import pytest

from echo_auth.passwords import Passwords


@pytest.fixture
async def passwords():
    async with Passwords.open(rounds=1, memory_kib=64) as opened:
        yield opened


async def test_passwords_are_verified(passwords: Passwords):
    kept = await passwords.hash("correct horse")

    assert (await passwords.check("correct horse", kept)).right
    assert not (await passwords.check("battery staple", kept)).right
    assert kept.startswith("$argon2id$")


async def test_the_same_password_never_gives_the_same_hash(passwords: Passwords):
    assert await passwords.hash("correct horse") != await passwords.hash("correct horse")


async def test_unknown_users_match_no_password(passwords: Passwords):
    assert not (await passwords.check("nobody", None)).right


async def test_unicode_composition_does_not_affect_passwords(passwords: Passwords):
    kept = await passwords.hash("caf\u00e9 olé")

    assert (await passwords.check("cafe\u0301 olé", kept)).right


async def test_damaged_hashes_match_no_password(passwords: Passwords):
    assert not (await passwords.check("correct horse", "not a hash")).right


async def test_hashes_with_other_costs_are_replaced_at_login(passwords: Passwords):
    async with Passwords.open(rounds=2, memory_kib=64) as dearer:
        old = await passwords.hash("correct horse")

        assert (await dearer.check("wrong horse", old)).rehashed is None
        verdict = await dearer.check("correct horse", old)
        assert verdict.rehashed is not None
        assert (await dearer.check("correct horse", verdict.rehashed)).rehashed is None
