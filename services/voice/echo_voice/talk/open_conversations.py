"""Limits of concurrent spoken conversations."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from echo_common.errors import ServiceUnavailableError
from echo_common.http.proxy_options import TooManyOpenError
from echo_common.metrics import TalkMetrics


class OpenConversations:
    """The conversations of this process: at most `most`, and `per_user` of a user."""

    def __init__(self, most: int, per_user: int, metrics: TalkMetrics) -> None:
        self._most = most
        self._per_user = per_user
        self._metrics = metrics
        self._users: Counter[str] = Counter()

    @contextmanager
    def counted(self, user_id: str) -> Iterator[None]:
        """Count a conversation while the context lasts. Raises `TooManyOpenError`, `ServiceUnavailableError`."""
        if self._users[user_id] >= self._per_user:
            raise TooManyOpenError(f"You have {self._per_user} open conversations. End one first.")
        if self._users.total() >= self._most:
            raise ServiceUnavailableError("All places for conversations are taken; try again shortly.")
        self._users[user_id] += 1
        self._metrics.open.inc()
        try:
            yield
        finally:
            self._metrics.open.dec()
            self._users[user_id] -= 1
            self._users += Counter()  # removes users without conversations
