"""The connection of a member to a live group session."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from time import monotonic
from typing import Final, Protocol

from pydantic import ValidationError as InvalidFrameError

from echo_common.contracts.http.group_session_frames import (
    GROUP_CLIENT_FRAME,
    MAX_FRAME_BYTES,
    MOST_ITEMS,
    AcceptedFrame,
    ClockFrame,
    CommandFrame,
    EndedFrame,
    GroupClientFrame,
    ItemsFrame,
    MembersFrame,
    NextFrame,
    PauseFrame,
    PingFrame,
    PlayFrame,
    PongFrame,
    ReactionFrame,
    ReactionSentFrame,
    RefusedFrame,
    SeekFrame,
    SnapshotFrame,
    StatusFrame,
)
from echo_common.contracts.http.group_sessions import GroupMemberView, SessionItemView
from echo_common.contracts.values import MemberStatus
from echo_common.errors import (
    BodyTooLargeError,
    EchoError,
    RateLimitedError,
    RequestTimeoutError,
    UnauthenticatedError,
    ValidationError,
)
from echo_listening.domain.group_sessions import Command, GroupSession
from echo_listening.domain.live_errors import NotAMemberError
from echo_listening.domain.ready_set import ClientReports
from echo_listening.live.channel import Channel
from echo_listening.live.clock import SessionClock
from echo_listening.live.frame_limits import FrameRate
from echo_listening.live.outgoing import OutgoingFrames
from echo_listening.live.state import playback_view

_IDLE_SECONDS: Final = 60.0
_LAST_FRAME_SECONDS: Final = 5.0


class SessionActions(Protocol):
    """Port of the service to a connection: the actions of its member."""

    async def apply(self, command: Command) -> GroupSession:
        """Apply a command of this member. Raises `EchoError`."""
        ...

    async def react(self, reaction: str) -> GroupSession:
        """Send a reaction to all members. Raises `EchoError`."""
        ...

    async def items(self, session: GroupSession) -> Sequence[SessionItemView]:
        """Return the items of the playlist. Raises `EchoError`."""
        ...

    def revoked(self) -> bool:
        """Return whether the credential of the connection has been revoked."""
        ...


class LiveConnection:
    """One connection of a member, at this replica."""

    def __init__(
        self, channel: Channel, user_id: str, clock: SessionClock, actions: SessionActions, stall_seconds: float
    ) -> None:
        self.user_id = user_id
        self._channel = channel
        self._clock = clock
        self._actions = actions
        self._reports = ClientReports(round(stall_seconds * 1000))
        self._outgoing = OutgoingFrames()
        self._frames = FrameRate(20, 1.0)
        self._commands = FrameRate(10, 10.0)
        self._session: GroupSession | None = None
        self._shown_state = (-1, -1)
        self._shown_items: tuple[int, int] | None = None
        self._shown_clock: int | None = None
        self._shown_members: Sequence[GroupMemberView] = ()
        self._showing = asyncio.Lock()
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def status(self) -> MemberStatus:
        """Return the status of the client."""
        return self._reports.status(_monotonic_milliseconds())

    async def hold(self) -> None:
        """Receive and send frames until the client goes, the session ends or the membership does. Raises `EchoError`."""
        receiving = asyncio.create_task(self._receive())
        sending = asyncio.create_task(self._outgoing.send_all(self._channel))
        tasks = (receiving, sending)
        try:
            await asyncio.wait((*tasks, self._closed), return_when=asyncio.FIRST_COMPLETED)
            if self._closed.done():
                self._closed.result()
                async with asyncio.timeout(_LAST_FRAME_SECONDS):
                    await sending
            for task in tasks:
                if task.done():
                    task.result()
        except TimeoutError:
            return  # the client does not read
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if not self._closed.cancel() and not self._closed.cancelled():
                self._closed.exception()  # retrieved, so that it is not logged

    async def show(self, session: GroupSession) -> None:
        """Send the state of the session if it is new to this client, or why the connection ends. Raises `EchoError`."""
        if not session.has_member(self.user_id):
            self.refuse(NotAMemberError())
        elif not session.active:
            self._outgoing.end(EndedFrame())
            self._finish()
        else:
            async with self._showing:
                state = session.version, session.clock
                if state > self._shown_state:
                    self._session, self._shown_state = session, state
                    await self._show_snapshot(session)

    def show_members(self, members: Sequence[GroupMemberView]) -> None:
        """Send the members, if they have changed."""
        if members != self._shown_members:
            self._shown_members = members
            self._outgoing.put_state("members", lambda: MembersFrame(members=list(members)))

    def show_clock(self) -> None:
        """Tell the client that the clock has made a step."""
        number = self._clock.number
        if self._shown_clock is not None and number != self._shown_clock:
            self._outgoing.put_state("clock", lambda: ClockFrame(clock=number))
        self._shown_clock = number

    def show_reaction(self, frame: ReactionSentFrame) -> None:
        """Send a reaction, unless the client does not read."""
        try:
            self._outgoing.put(lambda: frame)
        except RateLimitedError as error:
            self.refuse(error)

    def end_if_revoked(self) -> None:
        """End the connection if its credential has been revoked."""
        if self._actions.revoked():
            self.refuse(UnauthenticatedError())

    def refuse(self, error: EchoError) -> None:
        """End the connection with an error."""
        if not self._closed.done():
            self._closed.set_exception(error)

    def _finish(self) -> None:
        if not self._closed.done():
            self._closed.set_result(None)

    async def _receive(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_IDLE_SECONDS):
                    received = await self._channel.receive()
            except TimeoutError:
                raise RequestTimeoutError(f"Nothing was received for {_IDLE_SECONDS:g} s. Connect again.") from None
            if received is None:
                return
            time = self._clock.now()  # before anything else: clients measure with it
            self._frames.require(monotonic())
            await self._handle(_parsed(received), time)

    async def _handle(self, frame: GroupClientFrame, time: int) -> None:
        if isinstance(frame, PingFrame):
            sent = frame.sent
            self._outgoing.put(lambda: PongFrame(sent=sent, clock=self._clock.number, received=time, now=self._clock.now()))
        elif isinstance(frame, StatusFrame):
            self._reports.report(MemberStatus(frame.status), _monotonic_milliseconds())
        elif isinstance(frame, ReactionFrame):
            reaction = frame.reaction
            await self._perform(frame.id, lambda: self._actions.react(reaction))
        elif isinstance(frame, CommandFrame):
            command = _command_of(frame)
            await self._perform(frame.id, lambda: self._actions.apply(command))
        elif self._session is not None:
            async with self._showing:
                self._shown_items = None
                await self._show_snapshot(self._session)

    async def _perform(self, command_id: str, perform: Callable[[], Awaitable[GroupSession]]) -> None:
        """Perform a command, and tell the client the result. Raises `NotAMemberError`, which ends the connection."""
        try:
            self._commands.require(monotonic())
            session = await perform()
        except NotAMemberError:
            raise
        except EchoError as error:
            code, message = error.code, self._channel.message_of(error)
            self._outgoing.put(lambda: RefusedFrame(id=command_id, code=code, message=message))
            return
        revision = session.revision
        self._outgoing.put(lambda: AcceptedFrame(id=command_id, revision=revision))

    async def _show_snapshot(self, session: GroupSession) -> None:
        """Send the state; before it the items, if they are new to this client."""
        if session.items_key != self._shown_items:
            items = await self._actions.items(session)
            self._shown_items = session.items_key
            for start in range(0, max(1, len(items)), MOST_ITEMS):
                self._outgoing.put(partial(_items_frame, session.playlist_revision, items, start))
        self._outgoing.put_state("snapshot", lambda: SnapshotFrame(**dict(playback_view(session, self._clock.now()))))


def _items_frame(playlist_revision: int, items: Sequence[SessionItemView], start: int) -> ItemsFrame:
    return ItemsFrame(
        playlist_revision=playlist_revision, start=start, total=len(items), items=list(items[start : start + MOST_ITEMS])
    )


def _parsed(received: str | bytes) -> GroupClientFrame:
    """Return a client's frame. Raises `BodyTooLargeError`, `ValidationError`."""
    if isinstance(received, bytes):
        raise ValidationError("Send frames of text, each with a JSON object.")
    if len(received.encode()) > MAX_FRAME_BYTES:
        raise BodyTooLargeError
    try:
        return GROUP_CLIENT_FRAME.validate_json(received)
    except InvalidFrameError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValidationError(f"The frame is not valid: {place}: {first['msg']}") from None


def _command_of(frame: CommandFrame) -> Command:
    """Return the command of a frame."""
    if isinstance(frame, PlayFrame):
        return lambda timeline: timeline.play
    if isinstance(frame, PauseFrame):
        return lambda timeline: timeline.pause
    item_id = frame.item_id
    if isinstance(frame, SeekFrame):
        position = frame.position
        return lambda timeline: timeline.seek(item_id, position)
    if isinstance(frame, NextFrame):
        return lambda timeline: timeline.next(item_id)
    return lambda timeline: timeline.previous(item_id)


def _monotonic_milliseconds() -> int:
    return round(monotonic() * 1000)
