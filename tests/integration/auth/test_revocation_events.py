"""Events of users: revocations that services apply at once, and changes of plan, role and activity."""

import json
from typing import Any

import pytest

from echo_common.auth.tokens import InvalidTokenError, TokenVerifier
from echo_common.http.token_trust import TokenTrust
from echo_common.outbox.dead_letters import StoreDeadLetters
from echo_common.outbox.inbox import StoreInbox
from echo_common.service import PLATFORM_SUBSCRIPTIONS
from tests.integration.auth.conftest import Auth
from tests.integration.auth.test_guests import ACCOUNT, guest
from tests.integration.auth.test_sessions import registered
from tests.integration.auth.test_system_settings import administrator
from tests.integration.auth.test_user_administration import user_id
from tests.support.eventually import eventually


def events(auth: Auth, topic: str, owner: str) -> list[dict[str, Any]]:
    bodies = [json.loads(message.body) for message in auth.published if message.topic == topic]
    return [body for body in bodies if body["user_id"] == owner]


async def deliver(auth: Auth, topic: str, trust: TokenTrust) -> None:
    """Deliver the last event of a topic to a service that does not poll."""
    await eventually(lambda: topic in auth.facts())
    message = [message for message in auth.published if message.topic == topic][-1]
    delivery = PLATFORM_SUBSCRIPTIONS.bind("voice", trust, StoreInbox(auth.store), StoreDeadLetters(auth.store))
    await delivery.deliver_transient(message)


@pytest.mark.parametrize("topic", ["auth.session_revoked", "auth.user_token_version_raised"])
async def test_a_published_revocation_applies_before_the_next_poll(auth: Auth, topic: str) -> None:
    ada, admin = await registered(auth), await administrator(auth)
    trust, token = TokenTrust(auth.client), ada.access_token or ""
    await trust.refresh()
    verifier = TokenVerifier(trust)
    await verifier.verify(token)
    if topic == "auth.session_revoked":
        await ada.log_out()
    else:
        await admin.call("POST", f"/admin/users/{await user_id(ada)}/logout")

    await deliver(auth, topic, trust)

    with pytest.raises(InvalidTokenError):
        await verifier.verify(token)


async def test_changes_of_plan_role_and_activity_are_published_without_the_address(auth: Auth) -> None:
    ada, admin = await registered(auth), await administrator(auth)
    owner = await user_id(ada)
    for change in ({"plan": "premium"}, {"role": "admin"}, {"role": "user", "is_active": False}):
        assert (await admin.call("PATCH", f"/admin/users/{owner}", change)).status == 200

    await eventually(lambda: len(events(auth, "auth.user_updated", owner)) == 3)

    told = [(event["plan"], event["role"], event["is_active"]) for event in events(auth, "auth.user_updated", owner)]
    assert told == [("premium", "user", True), ("premium", "admin", True), ("premium", "user", False)]
    versions = [event["token_version"] for event in events(auth, "auth.user_token_version_raised", owner)]
    assert versions == sorted(set(versions))
    assert not any(b"ada@example.com" in message.body for message in auth.published)


async def test_registrations_and_upgrades_of_guests_are_published(auth: Auth) -> None:
    visitor = await guest(auth)
    owner = await user_id(visitor)
    assert (await visitor.call("POST", "/auth/guest/upgrade", ACCOUNT)).status == 200

    await eventually(lambda: len(events(auth, "auth.guest_upgraded", owner)) == 1)

    [created], [upgraded] = events(auth, "auth.user_registered", owner), events(auth, "auth.guest_upgraded", owner)
    assert (created["plan"], created["role"], created["is_active"]) == ("guest", "user", True)
    assert (upgraded["plan"], upgraded["role"], upgraded["is_active"]) == ("user", "user", True)
