"""A language model of tests: scripted replies with delays, failures, and parts that wait for the test."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence

from echo_common.errors import EchoError
from echo_voice.chat_model import ChatRequest
from echo_voice.chat_models.checked_reply import ModelLimits, check_reply

Step = str | float | EchoError | asyncio.Event
"""A part of the reply, a delay in seconds, a failure, or an event to wait for."""


class ScriptedChatModel:
    """A language model that replies with the next entry of its script, then with `usually`.

    `requests` are all requests that began; `open_replies` are in progress, `closed_replies` were closed before their end.
    """

    name = "scripted"
    available = True

    def __init__(self, *usually: Step, first_seconds: float = 20.0, next_seconds: float = 10.0) -> None:
        self._usually: Sequence[Step] = usually or ("Good ", "morning. ", "How are ", "you?")
        self._script: deque[Sequence[Step]] = deque()
        self._limits = (first_seconds, next_seconds)
        self.requests: list[ChatRequest] = []
        self.open_replies = 0
        self.closed_replies = 0
        self.closed = False

    def then(self, *steps: Step) -> None:
        """Add a reply to the script. `then("Once ", ChatReplyIncompleteError())` breaks off, `then(Event())` never answers."""
        self._script.append(steps)

    def reply(self, request: ChatRequest) -> AsyncGenerator[str, None]:
        return check_reply(self._parts(request), ModelLimits(*self._limits, request.max_tokens))

    def health(self) -> Mapping[str, str]:
        return {"model": self.name, "state": "ready"}

    async def close(self) -> None:
        self.closed = True

    async def _parts(self, request: ChatRequest) -> AsyncGenerator[str, None]:
        steps = self._script.popleft() if self._script else self._usually
        self.requests.append(request)
        self.open_replies += 1
        try:
            for step in steps:
                match step:
                    case str():
                        yield step
                    case asyncio.Event():
                        await step.wait()
                    case EchoError():
                        raise step
                    case _:
                        await asyncio.sleep(step)
        except (GeneratorExit, asyncio.CancelledError):
            self.closed_replies += 1
            raise
        finally:
            self.open_replies -= 1
