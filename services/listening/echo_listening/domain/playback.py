"""Playback of a group session at any time, and its changes by commands. Server and clients compute it alike.

All times and positions are whole milliseconds; times are those of the session clock.
"""

from collections.abc import Callable, Sequence

from pydantic import BaseModel, ConfigDict, Field

from echo_common.contracts.values import PlaybackState

Change = Callable[["Playback"], "Playback"]
"""A command: from the playback when it takes effect to the playback from then on; the same object if nothing changes."""


class SessionItem(BaseModel):
    """An item of the shared playlist. Its duration is 0 if it has no audio and is skipped."""

    model_config = ConfigDict(frozen=True)

    item_id: str
    track_id: str
    duration: int = Field(0, ge=0)

    @property
    def skipped(self) -> bool:
        """True if the item has no audio."""
        return self.duration == 0


class Playback(BaseModel):
    """The item that plays from `position` at time `at`; without an item, the playlist is empty."""

    model_config = ConfigDict(frozen=True)

    state: PlaybackState = PlaybackState.PAUSED
    item_id: str | None = None
    position: int = Field(0, ge=0)
    at: int = 0


class UnknownItemError(LookupError):
    """The playlist has no such item."""


class SessionTimeline:
    """The items of the shared playlist in order, and playback over them."""

    def __init__(self, items: Sequence[SessionItem]) -> None:
        self._items = items
        self._places = {item.item_id: place for place, item in enumerate(items)}

    def start(self, at: int) -> Playback:
        """Return the playback of a new session: paused at the beginning."""
        return Playback(item_id=self._items[0].item_id if self._items else None, at=at)

    def resolve(self, playback: Playback, time: int) -> Playback:
        """Return the playback at a time; one that begins later is returned as it is."""
        if time <= playback.at:
            return playback
        if playback.state is not PlaybackState.PLAYING or playback.item_id is None:
            return playback.model_copy(update={"at": time})
        position = playback.position + time - playback.at
        for item in self._items[self._place(playback.item_id) :]:
            if position < item.duration:
                return Playback(state=PlaybackState.PLAYING, item_id=item.item_id, position=position, at=time)
            position -= item.duration
        return self._end(time)

    def play(self, now: Playback) -> Playback:
        """Play; a playlist that has ended starts again."""
        if now.state is PlaybackState.PLAYING or now.item_id is None:
            return now
        if now.state is PlaybackState.FINISHED:
            return self._begin(0, PlaybackState.PLAYING, now.at)
        return now.model_copy(update={"state": PlaybackState.PLAYING})

    def pause(self, now: Playback) -> Playback:
        """Pause."""
        return now.model_copy(update={"state": PlaybackState.PAUSED}) if now.state is PlaybackState.PLAYING else now

    def seek(self, item_id: str, position: int) -> Change:
        """Return the command that goes to a position, which is limited to the item. Raises `UnknownItemError`."""
        item = self._items[self._place(item_id)]

        def change(now: Playback) -> Playback:
            state = PlaybackState.PAUSED if now.state is PlaybackState.FINISHED else now.state
            return Playback(state=state, item_id=item_id, position=min(position, item.duration), at=now.at)

        return change

    def next(self, item_id: str) -> Change:
        """Return the command that skips an item; if another one plays, nothing changes. Raises `UnknownItemError`."""
        following = self._place(item_id) + 1

        def change(now: Playback) -> Playback:
            if now.item_id != item_id or now.state is PlaybackState.FINISHED:
                return now
            return self._begin(following, now.state, now.at)

        return change

    def previous(self, item_id: str) -> Change:
        """Return the command that goes to the item before, of the first one to its start; `item_id` as in `next`."""
        place = self._place(item_id)
        before = next((at for at in range(place - 1, -1, -1) if not self._items[at].skipped), place)

        def change(now: Playback) -> Playback:
            if now.item_id != item_id:
                return now
            state = PlaybackState.PAUSED if now.state is PlaybackState.FINISHED else now.state
            return self._begin(before, state, now.at)

        return change

    def replace(self, items: Sequence[SessionItem]) -> Change:
        """Return the change to another state of the playlist: the present item continues, or the next one that is left starts."""
        left = {item.item_id: item for item in items}
        replaced = SessionTimeline(items)

        def change(now: Playback) -> Playback:
            if now.item_id is None:  # the playlist was empty
                return replaced.start(now.at)
            if now.item_id in left:
                return now.model_copy(update={"position": min(now.position, left[now.item_id].duration)})
            place = self._places[now.item_id]
            following = next((item.item_id for item in self._items[place:] if item.item_id in left), None)
            if following is None or now.state is PlaybackState.FINISHED:
                return replaced._end(now.at)
            return Playback(state=now.state, item_id=following, at=now.at)

        return change

    def _place(self, item_id: str) -> int:
        try:
            return self._places[item_id]
        except KeyError:
            raise UnknownItemError from None

    def _begin(self, place: int, state: PlaybackState, at: int) -> Playback:
        """Return the playback of the first item from a place on that has audio, or the end."""
        found = next((item for item in self._items[place:] if not item.skipped), None)
        return self._end(at) if found is None else Playback(state=state, item_id=found.item_id, at=at)

    def _end(self, at: int) -> Playback:
        if not self._items:
            return Playback(at=at)
        last = self._items[-1]
        return Playback(state=PlaybackState.FINISHED, item_id=last.item_id, position=last.duration, at=at)
