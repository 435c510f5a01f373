"""Selection of the test cases that run in `make test`; the others run in `make test-full`."""

from collections.abc import Iterable

import pytest


def select_params(*chosen: str, among: Iterable[str]) -> list[object]:
    """Return parameters for all values, of which only the chosen ones run in `make test`.

    Raises:
        ValueError: if a chosen value is not among the values.
    """
    values = list(among)
    if unknown := set(chosen) - set(values):
        raise ValueError(f"{unknown} is not among {values}")
    return [pytest.param(value, marks=() if value in chosen else pytest.mark.full) for value in values]
