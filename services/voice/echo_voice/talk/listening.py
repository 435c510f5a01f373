"""The service's side of listening: a port, and its adapter with a sandboxed process for each conversation."""

import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from echo_common.contracts.http.talk import TalkFormat
from echo_common.sandbox import ProcessLostError, ProcessUnavailableError, ReservedProcess, SandboxPool
from echo_voice.talk.codecs import MalformedAudioError
from echo_voice.talk.detector import VoiceActivity

_MODULE = "echo_voice.talk.listening_process"
_MEMORY = 4 << 30
"""Bytes of address space, of which the process uses about 100 MB: the runtime of the echo canceller reserves more."""

_SECONDS = 10.0
"""Time limit of a message; a message of two seconds takes 0.2 s."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """Speech of the user: 16 bits, mono, at `LISTENING_RATE`."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class HeardAudio:
    """Duration of a message, and the events in it: speech started, or an utterance that has ended."""

    seconds: float
    events: Sequence[Literal["started"] | Utterance]


class ListeningLostError(Exception):
    """The listener of a conversation crashed, or does not start."""


class ConversationListener(Protocol):
    """A listener to the microphone of one conversation."""

    async def hear(self, message: bytes) -> HeardAudio:
        """Process a message of the microphone. Raises `MalformedAudioError`, `ListeningLostError`."""
        ...

    async def utterance(self) -> bytes:
        """Return the utterance so far: 16 bits, at `LISTENING_RATE`; empty outside of one. Raises `ListeningLostError`."""
        ...

    async def play(self, pcm: bytes) -> None:
        """Take note of audio that is sent to the loudspeaker. Raises `ListeningLostError`."""
        ...

    async def stop_playing(self) -> None:
        """Take note that the client was told to silence the loudspeaker. Raises `ListeningLostError`."""
        ...


class Listeners(Protocol):
    """Opens listeners."""

    def open(
        self, input_format: TalkFormat, output_format: TalkFormat, options: VoiceActivity
    ) -> AbstractAsyncContextManager[ConversationListener]:
        """Open the listener of a conversation. Raises `ListeningLostError`."""
        ...


class SandboxedListeners:
    """Listeners in sandboxed processes, one for each conversation, because audio of clients may be malicious."""

    @asynccontextmanager
    async def open(
        self, input_format: TalkFormat, output_format: TalkFormat, options: VoiceActivity
    ) -> AsyncIterator[ConversationListener]:
        """Start a process; end it with the context. See `Listeners`."""
        chosen = (options.threshold, options.silence_seconds, options.longest_seconds)
        pool = SandboxPool(_MODULE, input_format, output_format, *chosen, _MEMORY, most=1)
        try:
            async with pool.reserved() as process:
                yield _ProcessListener(process)
        except ProcessUnavailableError as error:
            raise ListeningLostError from error


class _ProcessListener:
    def __init__(self, process: ReservedProcess) -> None:
        self._process = process

    async def hear(self, message: bytes) -> HeardAudio:
        answer = await self._ask({"hear": _encode(message)})
        if "malformed" in answer:
            raise MalformedAudioError(answer["malformed"])
        events = [event if event == "started" else Utterance(base64.b64decode(event["pcm"])) for event in answer["events"]]
        return HeardAudio(answer["seconds"], events)

    async def utterance(self) -> bytes:
        return base64.b64decode((await self._ask({"utterance": True}))["pcm"])

    async def play(self, pcm: bytes) -> None:
        await self._ask({"play": _encode(pcm)})

    async def stop_playing(self) -> None:
        await self._ask({"stop": True})

    async def _ask(self, request: Mapping[str, object]) -> Mapping[str, Any]:
        try:
            answers: list[Mapping[str, Any]] = await self._process.ask(request, json.loads, seconds=_SECONDS)
        except ProcessLostError as error:
            raise ListeningLostError from error
        return answers[0]


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
