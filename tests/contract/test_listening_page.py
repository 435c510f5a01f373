"""docs/listening.md lists the endpoints, errors, indexes and events that the code has."""

import json
import re
from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest

import echo_listening.repository
from echo_common.contracts.registry import event_types
from echo_common.outbox.repository import Repository
from tests.contract.test_promises import ROOT

PAGE = (ROOT / "docs/listening.md").read_text()
CONTRACT = json.loads((ROOT / "services/gateway/echo_gateway/contracts/listening.json").read_text())
CALL = re.compile(r"^\| `([A-Z]+)`?(?:, `([A-Z]+))? (/[^`?]+)`(?:, `(\.[a-z]+)`)?", re.MULTILINE)
INDEXES = re.compile(r"^\| `(\w+)` \| .+ \| (.+) \|$", re.MULTILINE)
COMMON_ERRORS = frozenset(
    {
        *("AMBIGUOUS_CREDENTIALS", "BODY_TOO_LARGE", "FORBIDDEN", "IDEMPOTENCY_CONFLICT", "IDEMPOTENCY_KEY_REUSED"),
        *("INTERNAL_ERROR", "INVALID_API_KEY", "INVALID_JSON", "INVALID_TOKEN", "JSON_REQUIRED", "RATE_LIMITED"),
        *("SERVICE_UNAVAILABLE", "TOKEN_EXPIRED", "UNAUTHENTICATED", "VALIDATION_ERROR", "RANGE_NOT_SATISFIABLE"),
    }
)
"""Errors that endpoints of all services have."""


def without_names(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "{}", path.removeprefix("/api/v1"))


def documented_calls() -> Iterable[tuple[str, str]]:
    for call in CALL.finditer(PAGE):
        path = without_names(call[3])
        paths = [path] if call[4] is None else [path, path.rpartition(".")[0] + call[4]]
        yield from ((method, each) for method in (call[1], call[2]) if method for each in paths)


def repositories() -> list[type[Repository[Any]]]:
    modules = [import_module(f"{echo_listening.repository.__name__}.{each.name}") for each in iter_modules(PATH)]
    return [
        found
        for module in modules
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, Repository) and found.__module__ == module.__name__
    ]


PATH = echo_listening.repository.__path__
SOCKETS = [("WS", without_names(path)) for path in CONTRACT["x-websockets"]]


def test_the_page_lists_every_endpoint() -> None:
    endpoints = [(method.upper(), without_names(path)) for path, methods in CONTRACT["paths"].items() for method in methods]

    assert set(documented_calls()) == {*endpoints, *SOCKETS}


def test_the_page_explains_every_error() -> None:
    codes = set(re.findall(r'"code": "([A-Z_]+)"', json.dumps(CONTRACT["paths"] | CONTRACT["components"])))

    assert sorted(code for code in codes - COMMON_ERRORS if f"`{code}`" not in PAGE) == []


@pytest.mark.parametrize("repository", repositories(), ids=lambda repository: repository.name)
def test_the_page_lists_the_indexes(repository: type[Repository[Any]]) -> None:
    listed = dict(INDEXES.findall(PAGE.split("\n## Data\n")[1]))[repository.name].split("; ")
    indexes = [
        f"`{', '.join(name for name, _ in index.fields)}`{' (unique)' if index.unique else ''}" for index in repository.indexes
    ]

    assert sorted(each for each in listed if each.startswith("`") and "lifetime" not in each) == sorted(indexes)


def test_the_page_lists_every_event() -> None:
    table = PAGE.split("| event | consumers |")[1].split("\n\n")[0]
    listed = set[str]()
    for row in re.findall(r"^\| (.+?) \|", table, re.MULTILINE)[1:]:
        first, *others = re.findall(r"`((?:listening\.|_)[a-z_]+)`", row)
        listed |= {first, *(first[: first.rindex("_")] + each for each in others)}
    published = {topic for topic, _ in event_types() if topic.startswith("listening.")}

    assert listed == published - {"listening.error_logged"}
