"""A queue that is fair between users and between the jobs of each user."""

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")
Turn = tuple[Hashable, ...]
"""Scheduling key of a request, from general to specific: a user, then one of the user's jobs."""


class FairQueue(Generic[T]):
    """Waiting requests: in order within a turn, with an equal share for every turn, and for every turn within a turn.

    Fair queueing by virtual time (Demers, Keshav, Shenker 1989): the turn with the least service is next, a new turn begins at
    the queue's current time, and that advances by one when each turn has had one request more. It advances when a request is
    done, not when it is popped: arriving just before the others, when all workers are idle, is no lasting advantage.
    """

    def __init__(self) -> None:
        self._own: deque[T] = deque()
        self._turns: dict[Hashable, FairQueue[T]] = {}
        self._had: dict[Hashable, float] = {}
        self._now = 0.0
        self._waiting = 0
        self.unfinished = 0

    def __len__(self) -> int:
        return self._waiting

    def waiting_of(self, user: Hashable) -> int:
        """Return the number of a user's waiting requests."""
        return len(self._turns.get(user, ()))

    def has_room(self, user: Hashable, limit: int) -> bool:
        """Return whether one more request may wait. A full queue still accepts users with less than an equal share of it."""
        users = len(self._turns) + (user not in self._turns)
        return self._waiting < limit or (self.waiting_of(user) + 1) * users <= limit

    def put(self, request: T, turn: Turn) -> None:
        """Add a request to its turn."""
        self._waiting += 1
        self.unfinished += 1
        if not turn:
            self._own.append(request)
            return
        if turn[0] not in self._turns:
            self._turns[turn[0]] = FairQueue()
            self._had[turn[0]] = self._now
        self._turns[turn[0]].put(request, turn[1:])

    def pop(self) -> T:
        """Remove the next request and return it."""
        self._waiting -= 1
        if self._own:
            return self._own.popleft()
        turn = min((turn for turn, queue in self._turns.items() if queue), key=self._had.__getitem__)
        self._had[turn] += 1
        return self._turns[turn].pop()

    def drop(self, request: T, turn: Turn) -> bool:
        """Remove a waiting request and return whether it was there."""
        if turn:
            queue = self._turns.get(turn[0])
            there = queue is not None and queue.drop(request, turn[1:])
        elif there := request in self._own:
            self._own.remove(request)
        if there:
            self._waiting -= 1
            self._leave(turn)
        return there

    def done(self, turn: Turn) -> None:
        """Count a request that was popped as served."""
        if turn:
            self._now += 1 / len(self._turns)
            self._turns[turn[0]].done(turn[1:])
        self._leave(turn)

    def _leave(self, turn: Turn) -> None:
        self.unfinished -= 1
        if turn and not self._turns[turn[0]].unfinished:
            del self._turns[turn[0]], self._had[turn[0]]
