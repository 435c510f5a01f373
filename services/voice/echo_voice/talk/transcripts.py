"""Transcripts of a conversation's utterances: partial ones while the user speaks, and a final one."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, Literal

from pydantic import BaseModel

from echo_common.background_tasks import BackgroundTasks
from echo_common.contracts.http.talk import UserTranscript
from echo_voice.talk.listening import ConversationListener, Utterance
from echo_voice.talk.transcription import UtteranceTranscriber

PARTIAL_SECONDS: Final = 1.0
"""Time between partial transcripts; longer if the recogniser takes more than half of it."""

Send = Callable[[BaseModel], Awaitable[None]]


class Transcripts:
    """The transcripts that are sent to a client. Partial ones are left out when the recogniser does not keep up."""

    def __init__(
        self,
        send: Send,
        listener: ConversationListener,
        transcriber: UtteranceTranscriber,
        language: str | None,
        partial_seconds: float = PARTIAL_SECONDS,
    ) -> None:
        self._send_frame = send
        self._listener = listener
        self._transcriber = transcriber
        self._language = language
        self._partial_seconds = partial_seconds
        self._tasks = BackgroundTasks()
        self._utterance = 0

    def begin(self) -> None:
        """Send partial transcripts of the utterance that has begun."""
        self._utterance += 1
        self._tasks.start(self._send_partial(self._utterance))

    def end(self) -> None:
        """Send no more partial transcripts. One in progress ends without effect: stopping it would end its process."""
        self._utterance += 1

    async def finish(self, utterance: Utterance) -> str:
        """Send and return the final transcript; it is empty for noise."""
        text = await self._transcriber.transcribe(utterance.pcm, self._language)
        await self._send("final", text)
        return text

    async def close(self) -> None:
        """End the tasks."""
        await self._tasks.close()

    async def _send_partial(self, utterance: int) -> None:
        pause, latest = self._partial_seconds, ""
        while True:
            await asyncio.sleep(pause)
            if utterance != self._utterance:
                return
            began_at = monotonic()
            text = await self._transcriber.transcribe(await self._listener.utterance(), self._language)
            if utterance != self._utterance:
                return
            if text not in {"", latest}:
                await self._send("partial", text)
                latest = text
            pause = max(self._partial_seconds, 2 * (monotonic() - began_at))

    async def _send(self, kind: Literal["partial", "final"], text: str) -> None:
        await self._send_frame(UserTranscript(kind=kind, text=text))
