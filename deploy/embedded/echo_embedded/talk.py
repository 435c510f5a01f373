"""Implementation of `echoctl talk`: a spoken conversation through the public API."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import Any, Final, Protocol

import aiohttp
from rich.console import Console
from rich.markup import escape

from echo_embedded.client import Client
from echo_embedded.say import SpeechFailedError
from echo_embedded.terminal_text import printable

INPUT_RATE: Final = 16_000
OUTPUT_RATE: Final = 24_000
"""Sample rates of the microphone and the loudspeaker, in hertz; both are mono with 16 bits."""

TURN_SECONDS: Final = 120.0
"""Longest wait for the reply to a file."""

_EARLY_SECONDS: Final = 3.0
"""Seconds before the end of a connection's time in which the platform may close it, because clocks and rounding differ."""
_MOST_WAITING: Final = 100
"""Messages of the microphone that wait for a connection."""
_START: Final = {"type": "start", "input": f"pcm_{INPUT_RATE}", "output": f"pcm_{OUTPUT_RATE}"}


class Microphone(Protocol):
    """A source of audio."""

    def messages(self, turns: "Turns") -> AsyncIterator[bytes]:
        """Yield audio as it is recorded; the conversation ends with it."""
        ...


class Loudspeaker(Protocol):
    """A player of replies."""

    def begin(self) -> None:
        """Begin a reply, after those before it."""
        ...

    def play(self, pcm: bytes) -> None:
        """Queue audio of the reply."""
        ...

    def flush(self) -> float:
        """Discard audio that was not played; return the seconds of the reply that were played."""
        ...

    async def finish(self) -> None:
        """Wait until everything was played."""
        ...


@dataclass
class Turns:
    """The turns of a conversation; `ended` is set while the user may speak without interrupting."""

    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> None:
        """Wait until the echo has replied. Raises `SpeechFailedError` when there is no reply."""
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self.ended.wait()
        except TimeoutError:
            raise SpeechFailedError(f"The echo did not reply within {TURN_SECONDS:g} seconds.") from None


async def talk(
    client: Client, echo_id: str, microphone: Microphone, loudspeaker: Loudspeaker, console: Console, *, greeting: bool
) -> None:
    """Talk with an echo until the microphone ends or the platform ends the conversation.

    A connection lasts as long as its access token; the conversation then goes on over another one, with another token.

    Raises `SpeechFailedError`, and the errors of `Client`.
    """
    echo = await client.call("GET", f"/api/v1/echos/{echo_id}")
    turns, recorded = Turns(), asyncio.Queue[bytes | None](_MOST_WAITING)
    recording: asyncio.Task[None] | None = None
    try:
        while True:
            async with client.websocket(f"/api/v1/echos/{echo_id}/talk") as socket:
                await socket.send_json({**_START, "greeting": greeting})
                if not (greeting and echo["greeting"]):
                    turns.ended.set()
                recording = recording or asyncio.create_task(_record(microphone, turns, recorded))
                reception = _Reception(socket, loudspeaker, turns, console, printable(echo["name"]))
                complete = await _converse(socket, reception, recorded)
            if complete:
                await recording
            if complete or not reception.time_over:
                return
            greeting = False
            await client.renew_login()
    finally:
        if recording is not None:
            recording.cancel()
            await asyncio.gather(recording, return_exceptions=True)


async def _record(microphone: Microphone, turns: Turns, recorded: asyncio.Queue[bytes | None]) -> None:
    """Queue the messages of the microphone, and None at its end."""
    try:
        async for message in microphone.messages(turns):
            await recorded.put(message)
    except Exception:
        await recorded.put(None)
        raise
    await recorded.put(None)


async def _converse(
    socket: aiohttp.ClientWebSocketResponse, reception: "_Reception", recorded: asyncio.Queue[bytes | None]
) -> bool:
    """Send and receive until the microphone has ended or the connection is closed; return whether the microphone has ended."""
    receiving, sending = asyncio.create_task(reception.run()), asyncio.create_task(_send(socket, recorded))
    try:
        await asyncio.wait({receiving, sending}, return_when=asyncio.FIRST_COMPLETED)
        complete = sending.done() and sending.exception() is None
        if complete:
            await socket.send_json({"type": "end"})
        await receiving
        if sending.done() and not reception.time_over:
            sending.result()
        return complete
    finally:
        for task in (receiving, sending):
            task.cancel()
        await asyncio.gather(receiving, sending, return_exceptions=True)


async def _send(socket: aiohttp.ClientWebSocketResponse, recorded: asyncio.Queue[bytes | None]) -> None:
    while (message := await recorded.get()) is not None:
        await socket.send_bytes(message)


class _Reception:
    """The frames of the platform: they are printed and played. `time_over` is true once the time of the connection is over."""

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        loudspeaker: Loudspeaker,
        turns: Turns,
        console: Console,
        name: str,
    ) -> None:
        self._socket = socket
        self._loudspeaker = loudspeaker
        self._turns = turns
        self._console = console
        self._name = name
        self._ending: asyncio.Task[None] | None = None
        self._ends_at = inf
        self.time_over = False

    async def run(self) -> None:
        """Follow the frames until the connection is closed. Raises `SpeechFailedError`."""
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    self._loudspeaker.play(message.data)
                elif message.type is aiohttp.WSMsgType.TEXT:
                    await self._follow(message.json())
        finally:
            if self._ending is not None:
                self._ending.cancel()
        code = self._socket.close_code
        self.time_over = code == aiohttp.WSCloseCode.POLICY_VIOLATION and monotonic() >= self._ends_at
        if not self.time_over and code not in {aiohttp.WSCloseCode.OK, aiohttp.WSCloseCode.GOING_AWAY}:
            raise SpeechFailedError(f"The platform closed the connection (code {code}).")

    async def _follow(self, frame: Mapping[str, Any]) -> None:
        match frame["type"]:
            case "ready":
                longest = frame["longest_seconds"]
                self._ends_at = monotonic() + max(longest - _EARLY_SECONDS, longest / 2)
            case "transcript" if frame["kind"] == "final":
                self._print("You", frame["text"] or "…")
                if not frame["text"]:  # noise, to which there is no reply
                    self._turns.ended.set()
            case "reply_started":
                self._keep_turn()
                self._loudspeaker.begin()
            case "sentence":
                self._print(self._name, frame["text"])
            case "reply_ended":
                self._ending = asyncio.create_task(self._end_turn(frame["reply"], frame["duration"]))
            case "interrupted":
                self._keep_turn()
                await self._report_played(frame["reply"], self._loudspeaker.flush())
                self._print(self._name, "(interrupted)")
            case "error":
                if frame["code"] != "REQUEST_TIMEOUT" or monotonic() < self._ends_at:
                    self._console.print(f"[red]{escape(printable(frame['message']))}[/]")
                self._turns.ended.set()

    def _keep_turn(self) -> None:
        """Let no earlier reply end the turn."""
        if self._ending is not None:
            self._ending.cancel()
        self._turns.ended.clear()

    async def _end_turn(self, reply: int, seconds: float) -> None:
        await self._loudspeaker.finish()
        await self._report_played(reply, seconds)
        self._turns.ended.set()

    async def _report_played(self, reply: int, seconds: float) -> None:
        await self._socket.send_json({"type": "played", "reply": reply, "seconds": round(seconds, 3)})

    def _print(self, speaker: str, text: str) -> None:
        self._console.print(f"[bold]{escape(speaker)}:[/] {escape(printable(text))}", highlight=False, soft_wrap=True)
