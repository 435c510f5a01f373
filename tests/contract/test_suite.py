"""Rules of the suite itself."""

import os

import pytest


def test_parallel_runs_keep_the_tests_of_a_group_in_one_process(request: pytest.FixtureRequest) -> None:
    """pytest-xdist names the group in the id; without it, each process starts every platform."""
    grouped = request.node.nodeid.endswith("@tests/contract/test_suite.py")
    assert grouped is ("PYTEST_XDIST_WORKER" in os.environ)
