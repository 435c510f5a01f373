"""Rules for the routes of every service."""

import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

SERVICES = ("auth", "synthesis", "voice", "feedback", "listening", "gateway")


def routes(routers: list[APIRouter]) -> Iterator[APIRoute]:
    for router in routers:
        yield from (route for route in router.routes if isinstance(route, APIRoute))


def dependencies(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for needed in dependant.dependencies:
        yield from dependencies(needed)


def runs_on_the_event_loop(function: Callable[..., Any]) -> bool:
    called = function if inspect.isroutine(function) or inspect.isclass(function) else type(function).__call__
    return inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called)


@pytest.mark.parametrize("service", SERVICES)
def test_no_route_runs_in_a_thread(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """FastAPI runs synchronous endpoints and dependencies in a thread, at the cost of two thread switches."""
    monkeypatch.setenv("ECHO_AUTH_SECRET", "x" * 40)
    monkeypatch.setenv("ECHO_FEEDBACK_SECRET", "x" * 40)
    routers = importlib.import_module(f"echo_{service}.main").service().routers
    found = list(routes(routers))
    assert found
    threaded = {
        f"{route.path}: {needed.call}"
        for route in found
        for needed in dependencies(route.dependant)
        if needed.call is not None and not runs_on_the_event_loop(needed.call)
    }
    assert not threaded
