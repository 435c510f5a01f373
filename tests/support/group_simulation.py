"""A simulated group session: many clients at several replicas, over the domain of group sessions, without a network."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from echo_common.contracts.values import MemberStatus, PlaybackState
from echo_listening.domain.clock_offset import ClockOffset, ClockSample
from echo_listening.domain.playback import Change, Playback, SessionItem, SessionTimeline
from echo_listening.domain.ready_set import ClientReports
from tests.support.group_network import LocalClock, Path, Schedule

LEAD: Final = 500
STALL_LIMIT: Final = 10_000
_SAMPLE_INTERVAL: Final = 100
_AFTER_COMMAND: Final = 1_000
_WRITE: Final = (2.0, 10.0)
_BUS: Final = (1.0, 30.0)


@dataclass(frozen=True)
class Conditions:
    """Conditions of a simulation; times in milliseconds, `loss` of each message in each direction."""

    clients: int = 200
    replicas: int = 3
    duration: float = 120_000
    offset: float = 5_000
    skew_ppm: float = 100
    delay: tuple[float, float] = (5, 120)
    asymmetry: float = 0.2
    jitter: float = 15
    loss: float = 0.02
    lost_events: float = 0.05
    stalling: float = 0.2
    stall: tuple[float, float] = (2_000, 25_000)
    command_interval: float = 4_000
    replica_dies_at: float | None = 60_000


@dataclass
class Outcome:
    """Drifts in milliseconds by moment and client; those of stalled clients apart."""

    drift: list[float] = field(default_factory=list)
    after_commands: list[float] = field(default_factory=list)
    stalled: list[float] = field(default_factory=list)
    rejoined: list[float] = field(default_factory=list)
    commands: int = 0
    behind: int = 0
    not_ready: int = 0


@dataclass
class Session:
    """The stored session: one conditional write after another."""

    timeline: SessionTimeline
    playback: Playback
    revision: int = 1

    def command(self, change: Change, now: float) -> bool:
        at = max(round(now) + LEAD, self.playback.at)
        before = self.timeline.resolve(self.playback, at)
        after = change(before)
        if after is before:
            return False
        assert after.at >= self.playback.at
        self.playback, self.revision = after, self.revision + 1
        return True


@dataclass
class Replica:
    """A replica with an estimate of the database's clock, and connections."""

    simulation: "Simulation"
    clock: LocalClock
    offset: ClockOffset = field(default_factory=ClockOffset)
    revision: int = 1
    alive: bool = True

    def now(self) -> float:
        return self.clock.read() + (self.offset.value or 0.0)

    def measure(self) -> None:
        """Measure the database's clock by one round trip."""
        chance, schedule = self.simulation.chance, self.simulation.schedule
        there, back = (0.2 + chance.expovariate(1 / 0.5) + (20 if chance.random() < 0.01 else 0) for _ in range(2))
        sent = self.clock.read()
        time = int(schedule.now + there)  # the server tells whole milliseconds
        self.offset.add(ClockSample(sent, time, time, sent + there + back))

    def notify(self) -> None:
        """Send the newest state to all connections, if it is new here."""
        session = self.simulation.session
        if self.alive and session.revision > self.revision:
            self.revision = session.revision
            for client in self.simulation.clients:
                if client.replica is self:
                    client.push()

    def command(self, change: Change) -> None:
        """Write a command, and notify the other replicas by an event that may be lost."""
        simulation = self.simulation
        if not self.alive or not simulation.session.command(change, self.now()):
            return
        chance, now = simulation.chance, simulation.schedule.now
        simulation.changed.append((simulation.session.playback.at, simulation.session.playback))
        written = now + chance.uniform(*_WRITE)
        simulation.schedule.at(written, self.notify)
        for other in simulation.replicas:
            if other is not self and chance.random() >= simulation.conditions.lost_events:
                simulation.schedule.at(written + chance.uniform(*_BUS), other.notify)


@dataclass
class Client:
    """A client: measures its offset, plays what it knows, reports its status."""

    simulation: "Simulation"
    clock: LocalClock
    up: Path
    down: Path
    replica: Replica
    reports: ClientReports
    offset: ClockOffset = field(default_factory=ClockOffset)
    known: list[tuple[int, Playback]] = field(default_factory=list)
    stalled_until: float = 0.0
    frozen: Playback | None = None
    apart: bool = True  # until the first snapshot
    stall_ended: float = 0.0

    def push(self) -> None:
        """Send the newest state to this client."""
        session = self.simulation.session
        revision, playback, replica = session.revision, session.playback, self.replica

        def receive() -> None:
            if replica is self.replica and (not self.known or revision >= self.known[-1][0]):
                self.known = [*self.known[-3:], (revision, playback)]

        self.down.send(receive, self.stalled_until)

    def ping(self) -> None:
        if self.stalling or not self.replica.alive:
            return
        sent, replica = self.clock.read(), self.replica

        def answer() -> None:
            received = replica.now()
            self.down.send(
                lambda: self.offset.add(ClockSample(sent, received, received, self.clock.read())), self.stalled_until
            )

        self.up.send(answer)

    def report(self) -> None:
        if self.stalling or self.apart:
            return
        self.up.send(lambda: self.reports.report(MemberStatus.READY, round(self.simulation.schedule.now)))

    def join(self) -> None:
        """Read the snapshot from the present replica, then play with the group."""

        def joined() -> None:
            if self.offset.value is None:
                self.simulation.schedule.at(self.simulation.schedule.now + 100, joined)
                return
            self.apart = False
            if self.stall_ended:
                self.simulation.outcome.rejoined.append(self.simulation.schedule.now - self.stall_ended)
                self.stall_ended = 0.0
            self.report()

        def answer() -> None:
            self.push()
            self.down.send(joined, self.stalled_until)

        self.up.send(answer)

    def stall(self, duration: float) -> None:
        """Process nothing for a while; the player stands still."""
        schedule = self.simulation.schedule
        self.frozen, self.apart, self.stalled_until = self.heard(), True, schedule.now + duration

        def resume() -> None:
            self.frozen, self.stall_ended = None, schedule.now
            self.join()

        schedule.at(self.stalled_until, resume)

    @property
    def stalling(self) -> bool:
        return self.frozen is not None

    def heard(self) -> Playback:
        """Return what this client plays now."""
        if self.frozen is not None:
            return self.frozen
        time = round(self.clock.read() + (self.offset.value or 0.0))
        due = (
            [playback for _, playback in self.known if playback.at <= time] or [self.known[0][1]]
            if self.known
            else [Playback()]
        )
        return self.simulation.timeline.resolve(due[-1], time)


class Simulation:
    """A group session under the given conditions; the same for the same seed."""

    def __init__(self, conditions: Conditions, seed: int) -> None:
        self.conditions, self.chance, self.schedule = conditions, random.Random(seed), Schedule()
        self.items = [
            SessionItem(
                item_id=f"item_{place}", track_id=f"track_{place}", duration=0 if place % 7 == 3 else 20_000 + 7_000 * place
            )
            for place in range(20)
        ]
        self.starts = dict(_starts(self.items))
        self.timeline = SessionTimeline(self.items)
        self.session = Session(self.timeline, self.timeline.play(self.timeline.start(0)))
        self.changed: list[tuple[int, Playback]] = [(0, self.session.playback)]
        self.outcome = Outcome()
        self.replicas = [Replica(self, LocalClock(self.schedule, self._around(1e6))) for _ in range(conditions.replicas)]
        self.clients = [self._client() for _ in range(conditions.clients)]

    def run(self) -> Outcome:
        """Run to the end; the last seconds are without commands and stalls, after which all clients must be ready."""
        conditions, schedule = self.conditions, self.schedule
        for replica in self.replicas:
            schedule.every(2_000, replica.measure)
            schedule.every(1_000, replica.notify, self.chance.uniform(0, 1_000))
        for client in self.clients:
            for number in range(5):
                schedule.at(number * 100, client.ping)
            schedule.every(5_000, client.ping, self.chance.uniform(500, 5_500))
            schedule.every(5_000, client.report, self.chance.uniform(500, 5_500))
            schedule.at(0, client.join)
            if self.chance.random() < conditions.stalling:
                duration = self.chance.uniform(*conditions.stall)
                begin = self.chance.uniform(5_000, conditions.duration - duration)
                schedule.at(begin, lambda client=client, duration=duration: client.stall(duration))  # type: ignore[misc]
        time = 3_000.0
        while time < conditions.duration:
            schedule.at(time, self._command)
            time += self.chance.expovariate(1 / conditions.command_interval)
        if conditions.replica_dies_at is not None:
            schedule.at(conditions.replica_dies_at, self._kill)
        schedule.every(_SAMPLE_INTERVAL, self._sample, 3_000)
        schedule.run(conditions.duration + 15_000)
        self.outcome.commands = self.session.revision - 1
        self.outcome.behind = sum(client.known[-1][0] != self.session.revision for client in self.clients)
        self.outcome.not_ready = sum(not self._ready(client) for client in self.clients)
        return self.outcome

    def _client(self) -> Client:
        conditions, chance = self.conditions, self.chance
        delay = chance.uniform(*conditions.delay)
        up, down = (
            Path(
                self.schedule,
                chance,
                delay * chance.uniform(1 - conditions.asymmetry, 1 + conditions.asymmetry),
                conditions.jitter,
                conditions.loss,
            )
            for _ in range(2)
        )
        clock = LocalClock(self.schedule, self._around(conditions.offset), self._around(conditions.skew_ppm))
        return Client(self, clock, up, down, chance.choice(self.replicas), ClientReports(STALL_LIMIT))

    def _around(self, limit: float) -> float:
        return self.chance.uniform(-limit, limit)

    def _ready(self, client: Client) -> bool:
        return client.reports.status(round(self.schedule.now)) is MemberStatus.READY

    def _command(self) -> None:
        """Let a client, or two who do not know of each other, send a command for what they hear."""
        for client in self.chance.sample(self.clients, self.chance.choice((1, 1, 2))):
            heard = client.heard()
            if client.apart or heard.item_id is None:
                continue
            change: Callable[[Playback], Playback] = self.chance.choice(
                (
                    self.timeline.pause if heard.state is PlaybackState.PLAYING else self.timeline.play,
                    self.timeline.play,
                    self.timeline.seek(heard.item_id, self.chance.randrange(20_000)),
                    self.timeline.next(heard.item_id),
                    self.timeline.previous(heard.item_id),
                )
            )
            client.up.send(lambda replica=client.replica, change=change: replica.command(change))  # type: ignore[misc]

    def _kill(self) -> None:
        """Stop a replica; its clients connect to others after one to three seconds, and continue to play until then."""
        dead = self.replicas[0]
        dead.alive = False
        for client in self.clients:
            if client.replica is dead:

                def reconnect(client: Client = client) -> None:
                    client.replica = self.chance.choice(self.replicas[1:])
                    client.join()

                self.schedule.at(self.schedule.now + self.chance.uniform(1_000, 3_000), reconnect)

    def _sample(self) -> None:
        time = round(self.schedule.now)
        at, playback = next((at, playback) for at, playback in reversed(self.changed) if at <= time)
        place = self._place(self.timeline.resolve(playback, time))
        for client in self.clients:
            drift = abs(self._place(client.heard()) - place)
            if client.apart:
                self.outcome.stalled.append(drift)
            else:
                self.outcome.drift.append(drift)
                if time - at < _AFTER_COMMAND:
                    self.outcome.after_commands.append(drift)

    def _place(self, playback: Playback) -> int:
        """Return the place in the whole playlist."""
        return 0 if playback.item_id is None else self.starts[playback.item_id] + playback.position


def _starts(items: Sequence[SessionItem]) -> Iterator[tuple[str, int]]:
    start = 0
    for item in items:
        yield item.item_id, start
        start += item.duration
