"""Password hashes."""

import pytest

from echo_auth.passwords import Passwords


@pytest.fixture
async def passwords():
    async with Passwords.open(rounds=1, memory_kib=64) as opened:
        yield opened


async def test_a_password_is_right_or_wrong(passwords: Passwords):
    kept = await passwords.hash("correct horse")

    assert (await passwords.check("correct horse", kept)).right
    assert not (await passwords.check("battery staple", kept)).right
    assert kept.startswith("$argon2id$")


async def test_the_same_password_never_gives_the_same_hash(passwords: Passwords):
    assert await passwords.hash("correct horse") != await passwords.hash("correct horse")


async def test_nobody_has_no_password_not_even_the_decoys(passwords: Passwords):
    assert not (await passwords.check("nobody", None)).right


async def test_a_keyboard_that_composes_characters_otherwise_is_no_obstacle(passwords: Passwords):
    kept = await passwords.hash("caf\u00e9 olé")

    assert (await passwords.check("cafe\u0301 olé", kept)).right


async def test_a_damaged_hash_lets_nobody_in(passwords: Passwords):
    assert not (await passwords.check("correct horse", "not a hash")).right


async def test_a_hash_of_other_costs_is_replaced_when_its_password_comes_by(passwords: Passwords):
    async with Passwords.open(rounds=2, memory_kib=64) as dearer:
        old = await passwords.hash("correct horse")

        assert (await dearer.check("wrong horse", old)).rehashed is None
        verdict = await dearer.check("correct horse", old)
        assert verdict.rehashed is not None
        assert (await dearer.check("correct horse", verdict.rehashed)).rehashed is None
