"""Tests of the requirements of new passwords."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from echo_auth.domain import passwords
from echo_auth.domain.passwords import check_strength
from echo_common.contracts.errors.auth import WeakPasswordError

ADA = ("ada.lovelace@example.com", "countess", "Ada", "Lovelace")


@pytest.mark.parametrize(
    "password",
    ["correct horse battery", "admin password", "8 chars!", "päßwörter", "mật khẩu của tôi"],
)
def test_uncommon_passwords_are_accepted(password: str):
    check_strength(password, ADA)


@pytest.mark.parametrize(
    "password", ["password1", "qwertyuiop", "11111111", "iloveyou", "abcdefgh", "aaaaaaaaaaaaaaaa", "p4ssw0rd"]
)
def test_common_and_breached_passwords_are_refused_with_the_reason(password: str):
    with pytest.raises(WeakPasswordError) as refused:
        check_strength(password, ())

    assert "easy to guess" in refused.value.message
    assert password not in refused.value.message


@pytest.mark.parametrize(
    "password",
    [
        "ada.lovelace@example.com",
        "Ada.Lovelace1",
        "lovelace-ada-85",
        "COUNTESS2024",
        "ecalevol.ada!",
        "adaadaadaada",
    ],
)
def test_passwords_similar_to_the_address_or_name_are_refused(password: str):
    with pytest.raises(WeakPasswordError) as refused:
        check_strength(password, ADA)

    assert "too similar" in refused.value.message


def test_terms_of_a_user_are_not_applied_to_others():
    check_strength("lovelace paradox", ())
    with ThreadPoolExecutor(2) as threads:
        refused = threads.submit(check_strength, "Lovelace1", ADA)
        accepted = threads.submit(check_strength, "engine of analysis", ())

        accepted.result()
        with pytest.raises(WeakPasswordError):
            refused.result()


def test_the_estimated_part_of_a_password_is_limited(monkeypatch: pytest.MonkeyPatch):
    estimated = []

    def note(password: str, user_inputs: list[str]):
        estimated.append(password)
        return {"score": 4}

    monkeypatch.setattr(passwords, "zxcvbn", note)
    check_strength("a4@b8c({[<e3g69i1!|l17o0s$5t+7x%z2" * 4, ())

    assert [len(part) for part in estimated] == [24]
