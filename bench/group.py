"""Drift of the clients of a group session, in a simulation with stated clocks, delays and losses."""

import asyncio
import statistics
from collections.abc import Sequence

from bench.figure import Figure
from bench.stage import Stage
from tests.support.group_simulation import Conditions, Outcome, Simulation


async def measure(_: Stage, rounds: int) -> Sequence[Figure]:
    """Simulate a group session of two minutes in each round, with other random numbers each time."""
    conditions = Conditions()
    outcomes = [await asyncio.to_thread(Simulation(conditions, seed).run) for seed in range(rounds)]

    def at(percent: int, values: str) -> list[float]:
        return [_percentile(getattr(outcome, values), percent) for outcome in outcomes]

    return [
        Figure("group", "Drift, 95th percentile", at(95, "drift"), "ms", at_most=100, note=_note(conditions)),
        Figure("group", "Drift, 99th percentile", at(99, "drift"), "ms"),
        Figure("group", "Drift within 1 s of a command, 95th percentile", at(95, "after_commands"), "ms", at_most=100),
        Figure("group", "Clients without the last command at the end", [one.behind for one in outcomes], "", at_most=0),
        Figure("group", "Clients that are not ready at the end", [one.not_ready for one in outcomes], "", at_most=0),
        Figure("group", "Stalled clients, counted apart: their part of the time", [_stalled(one) for one in outcomes], "%"),
        Figure("group", "Stalled clients: time to rejoin, 95th percentile", at(95, "rejoined"), "ms"),
    ]


def _note(conditions: Conditions) -> str:
    low, high = conditions.delay
    return (
        f"{conditions.clients} clients at {conditions.replicas} replicas, one of which dies; offsets ±{conditions.offset / 1000:g} s, "
        f"{conditions.skew_ppm:g} ppm; one way {low:g} to {high:g} ms, the two ways ±{100 * conditions.asymmetry:g} %, "
        f"and jitter of {conditions.jitter:g} ms (exponential); {100 * conditions.loss:g} % of messages lost and sent again; "
        f"{100 * conditions.stalling:g} % of the clients stall for {conditions.stall[0] / 1000:g} to {conditions.stall[1] / 1000:g} s"
    )


def _percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


def _stalled(outcome: Outcome) -> float:
    return 100 * len(outcome.stalled) / (len(outcome.stalled) + len(outcome.drift))
