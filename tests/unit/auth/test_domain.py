"""Tests of users and sessions in the domain, without adapters."""

from datetime import UTC, datetime, timedelta

import pytest

from echo_auth.domain.devices import UNKNOWN_DEVICE, name_device
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.domain.sessions import RefreshToken, RefreshTokenState, Session
from echo_auth.domain.users import User
from echo_common.auth.principal import Scope
from echo_common.contracts.errors.auth import InvalidRefreshTokenError
from echo_common.contracts.events.auth import SessionRevoked, SessionStarted, UserRegistered
from echo_common.contracts.values import Plan, Role

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def a_session(token: RefreshToken) -> Session:
    return Session.start(token, "usr_1", at=NOON, lasts=DAY, origin=RequestOrigin())


def test_a_new_user_is_announced():
    user = User.register("usr_1", email="Ada@Example.com", username="Ada", password_hash="x")

    (event,) = user.pending
    assert isinstance(event, UserRegistered)
    assert (event.user_id, event.plan, event.role) == ("usr_1", Plan.USER, Role.USER)


def test_usernames_are_case_insensitive_and_shown_as_entered():
    user = User.register("usr_1", email="Ada@Example.com", username="Ada", password_hash="x")

    assert (user.email, user.username_key, user.username) == ("ada@example.com", "ada", "Ada")


def test_only_administrators_have_the_admin_scope():
    user = User.register("usr_1", email="a@example.com", username=None, password_hash="x")
    admin = User.register("usr_2", email="b@example.com", username=None, password_hash="x", role=Role.ADMIN)

    assert Scope.ADMIN not in user.scopes
    assert admin.scopes == user.scopes | {Scope.ADMIN}


def test_refresh_tokens_round_trip_and_hide_their_secret_in_reprs():
    token = RefreshToken.issue("ses_1")

    assert RefreshToken.parse(str(token)) == token
    assert token.secret not in repr(token)
    assert token.family not in repr(token)


@pytest.mark.parametrize("text", ["", "x", "a.b", "a.b.c.d", "..", "a..c"])
def test_malformed_refresh_tokens_are_refused(text: str):
    with pytest.raises(InvalidRefreshTokenError):
        RefreshToken.parse(text)


def test_refresh_tokens_are_valid_once():
    first = RefreshToken.issue("ses_1")
    session = a_session(first)
    assert session.classify(first, NOON) is RefreshTokenState.CURRENT

    second = RefreshToken.issue("ses_1", first.family)
    session.rotate(second, NOON, DAY)

    assert session.classify(first, NOON) is RefreshTokenState.JUST_SPENT
    assert session.classify(first, NOON + timedelta(seconds=10)) is RefreshTokenState.SPENT
    assert session.classify(second, NOON) is RefreshTokenState.CURRENT


def test_only_the_last_spent_token_may_belong_to_a_concurrent_request():
    first = RefreshToken.issue("ses_1")
    session = a_session(first)
    session.rotate(RefreshToken.issue("ses_1", first.family), NOON, DAY)

    session.rotate(RefreshToken.issue("ses_1", first.family), NOON, DAY)

    assert session.classify(first, NOON) is RefreshTokenState.SPENT


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36 Edg/131.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/131.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "curl"),
        ("Mozilla/5.0", UNKNOWN_DEVICE),
        ("\x1b[31m", UNKNOWN_DEVICE),
        (None, UNKNOWN_DEVICE),
    ],
)
def test_devices_are_named_after_their_user_agent(user_agent: str | None, device: str):
    assert name_device(user_agent) == device


def test_a_known_session_id_cannot_forge_a_used_refresh_token():
    session = a_session(RefreshToken.issue("ses_1"))

    assert session.classify(RefreshToken.issue("ses_1"), NOON) is RefreshTokenState.FOREIGN


def test_refreshes_prolong_a_session_and_without_them_it_ends():
    first = RefreshToken.issue("ses_1")
    session = a_session(first)
    second = RefreshToken.issue("ses_1", first.family)
    session.rotate(second, NOON + DAY / 2, DAY)

    assert session.classify(second, NOON + DAY) is RefreshTokenState.CURRENT
    assert session.classify(second, NOON + DAY * 1.5) is RefreshTokenState.FOREIGN


def test_revoked_sessions_accept_no_token_and_are_announced_once():
    token = RefreshToken.issue("ses_1")
    session = a_session(token)

    session.revoke(NOON)
    session.revoke(NOON + DAY)

    assert session.classify(token, NOON) is RefreshTokenState.FOREIGN
    assert session.revoked_at == NOON
    assert [type(event) for event in session.pending] == [SessionStarted, SessionRevoked]
