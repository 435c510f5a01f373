"""States of logins at providers: random, single-use, and bound to the browser that started the login."""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from echo_auth.dependencies import Dependencies


@dataclass(frozen=True, slots=True)
class StartedLogin:
    """The provider's URL for a login, and the state that the browser keeps until it returns."""

    url: str
    state: str


async def take_state(
    purpose: str, state: str | None, browser_state: str | None, deps: Dependencies
) -> Mapping[str, Any] | None:
    """Use up the state of a login and return its data; None if it is unknown, expired, used or of another browser."""
    if not state or not hmac.compare_digest(state.encode(), (browser_state or "").encode()):
        return None
    return await deps.challenges.take(purpose, decoded(state))


def encoded(challenge: bytes) -> str:
    """Return a challenge as text for URLs."""
    return base64.urlsafe_b64encode(challenge).decode()


def decoded(text: str) -> bytes:
    """Return the challenge in a text; an empty one, which is unknown, for any other text."""
    try:
        return base64.urlsafe_b64decode(text.encode())
    except ValueError:
        return b""
