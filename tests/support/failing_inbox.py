"""An inbox and dead letters in memory that can fail on demand."""

from collections.abc import Sequence

from echo_common.bus.port import DeadLetter, DeadLetterNotFoundError
from echo_common.store.port import StoreUnavailableError


class MemoryInbox:
    def __init__(self) -> None:
        self.handled: set[str] = set()
        self.down = False

    async def seen(self, event_id: str) -> bool:
        self._answer()
        return event_id in self.handled

    async def mark(self, event_id: str) -> None:
        self._answer()
        self.handled.add(event_id)

    def _answer(self) -> None:
        if self.down:
            raise StoreUnavailableError


class MemoryDeadLetters:
    def __init__(self) -> None:
        self.kept: dict[str, DeadLetter] = {}
        self.down = False

    async def add(self, letter: DeadLetter) -> None:
        if self.down:
            raise StoreUnavailableError
        self.kept[letter.id] = letter

    async def list(self, *, topic: str | None = None, limit: int = 100) -> Sequence[DeadLetter]:
        newest_first = sorted(self.kept.values(), key=lambda letter: letter.died_at, reverse=True)
        return [letter for letter in newest_first if topic in {None, letter.topic}][:limit]

    async def count(self) -> int:
        return len(self.kept)

    async def get(self, letter_id: str) -> DeadLetter:
        if letter_id not in self.kept:
            raise DeadLetterNotFoundError
        return self.kept[letter_id]

    async def remove(self, letter_id: str) -> None:
        self.kept.pop(letter_id, None)
