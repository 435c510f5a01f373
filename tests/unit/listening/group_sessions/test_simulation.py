"""Many clients with wrong clocks play together, whatever their network, and whoever stalls."""

import statistics
from dataclasses import replace

import pytest

from tests.support.group_simulation import Conditions, Outcome, Simulation

SHORT = Conditions(clients=40, duration=40_000, command_interval=2_000, replica_dies_at=20_000)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return Simulation(SHORT, seed=1).run()


def test_clients_play_together(outcome: Outcome) -> None:
    assert outcome.commands > 5
    assert statistics.quantiles(outcome.drift, n=20)[18] <= 100
    assert statistics.quantiles(outcome.after_commands, n=20)[18] <= 100


def test_stalled_clients_stop_nobody_and_rejoin(outcome: Outcome) -> None:
    assert len(outcome.rejoined) > 3
    assert (outcome.behind, outcome.not_ready) == (0, 0)


def test_events_that_are_lost_delay_clients_by_a_second_at_most() -> None:
    outcome = Simulation(replace(SHORT, lost_events=1.0, replica_dies_at=None, stalling=0, loss=0), seed=2).run()

    assert outcome.commands > 5
    assert (outcome.behind, outcome.not_ready) == (0, 0)
