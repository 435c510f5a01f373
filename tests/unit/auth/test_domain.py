"""Tests of users and sessions in the domain, without adapters."""

from datetime import UTC, datetime, timedelta

import pytest

from echo_auth.domain.sessions import RefreshToken, RefreshTokenState, Session
from echo_auth.domain.users import User
from echo_common.auth.principal import Scope
from echo_common.contracts.errors.auth import InvalidRefreshTokenError
from echo_common.contracts.events.auth import SessionRevoked, UserRegistered
from echo_common.contracts.values import Plan, Role

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def a_session(token: RefreshToken) -> Session:
    return Session.start(token, "usr_1", at=NOON, lasts=DAY, user_agent=None, address=None)


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

    assert session.classify(first, NOON) is RefreshTokenState.SPENT
    assert session.classify(second, NOON) is RefreshTokenState.CURRENT


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
    (event,) = session.pending
    assert isinstance(event, SessionRevoked)
