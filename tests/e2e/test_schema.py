"""Generated requests for every operation of the public document, valid and invalid, with all checks of schemathesis."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable, UnsatisfiedAssumption
from hypothesis.strategies import DrawFn, SearchStrategy, composite
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.support.owned_data import OwnedData
from tests.support.person import Person
from tests.support.platform import Platform

SCHEMA = schemathesis.openapi.from_path(str(Path(__file__).parents[2] / "docs/api/openapi.json"))
SCHEMA.config.generation.update(with_security_parameters=False)
ORDER = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
FEW = {GenerationMode.POSITIVE: 7, GenerationMode.NEGATIVE: 6}
MANY = {GenerationMode.POSITIVE: 40, GenerationMode.NEGATIVE: 32}
MINIMUM_CASES = 2_000
FRUITLESS_ATTEMPTS = 30
"""Attempts to generate a first request; hypothesis itself makes hundreds, which take a second for each operation."""
SECURITY_HEADERS = {"x-content-type-options", "x-frame-options", "referrer-policy", "content-security-policy"}
CHANGES_THE_SESSION = ("/api/v1/auth/", "/api/v1/users/me")

RULES_BEYOND_SCHEMAS = {
    "create_guest": "the refresh token is kept in a cookie for requests of the same site",
    "find_user": "either an email address or a username",
    "finish_spotify_link": "the state must be that of a link which the browser has started",
    "get_pronunciation": "a range that is absent, incomplete, empty or outside a segment",
    "get_statistics_series": "an empty range of time, or one of too many points",
    "list_audit_entries": "an empty range of time",
    "list_errors": "an empty range of time",
    "list_feedback": "an empty range of time or of ratings",
    "list_history": "an empty range of time",
    "list_interactions": "an empty range of time",
    "list_jobs": "filters depend on the type",
    "list_messages": "an empty range of time",
    "list_own_usage": "an empty range of time",
    "list_ratings": "an empty range of time or of ratings",
    "list_syntheses": "at most 10,000 items can be skipped",
    "list_usage": "an empty range of time",
    "name_user": "the email address must be that of the token",
    "preview_voice": "a language that the voice does not speak",
    "stream_playlist": "a start beyond the end of the stream",
    "stream_speech_from_query": "either a text or a saved text",
}
"""Operations without a body that refuse some requests that are valid by their schema, with the reason."""


MISSING_HERE = {"RECOGNISER_MISSING"}
"""Errors of requirements that the platform of the tests lacks."""


class NothingFoundError(Exception):
    """An operation without a request of this mode."""


def generated(
    operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, count: int, ids: Mapping[str, str]
) -> list[Case[Any]]:
    """Return at most so many generated requests of an operation; valid ones name the owner's resources."""
    own = {name: ids[name] for parameter in operation.path_parameters if (name := parameter.name) in ids}
    strategy = operation.as_strategy(mode, path_parameters=own if own and mode is GenerationMode.POSITIVE else None)
    return collected(strategy, count)


def collected(strategy: SearchStrategy[Case[Any]], count: int) -> list[Case[Any]]:
    """Return at most so many requests; none for an operation for which nothing is invalid."""
    found: list[Case[Any]] = []
    rejected = 0

    @composite
    def bounded(draw: DrawFn) -> Case[Any]:
        nonlocal rejected
        try:
            return draw(strategy)
        except UnsatisfiedAssumption:
            rejected += 1
            if not found and rejected > FRUITLESS_ATTEMPTS:
                raise NothingFoundError from None
            raise

    @seed(1)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=bounded())
    def collect(case: Case[Any]) -> None:
        found.append(case)

    with suppress(Unsatisfiable, NothingFoundError):
        collect()
    return found


@pytest.mark.parametrize("platform", ["embedded"], indirect=True)
@pytest.mark.parametrize("cases", [FEW, pytest.param(MANY, marks=pytest.mark.full)], ids=["few", "many"])
@pytest.mark.timeout(900)
def test_no_request_gets_a_server_error_or_an_undocumented_response(
    platform: Platform, cases: Mapping[GenerationMode, int]
) -> None:
    owned, authorization = asyncio.run(prepared(platform))
    run = Run(platform.url, owned, cases)
    operations = [found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)]
    operations.sort(key=lambda found: (ORDER.index(found.method.upper()), found.path))
    for operation in operations:
        own_session = operation.path.startswith(CHANGES_THE_SESSION) and operation.method != "get"
        run.check(operation, {"Authorization": asyncio.run(registered(platform)) if own_session else authorization})
    assert run.outcomes.total() >= MINIMUM_CASES
    assert not run.failures, "\n\n".join(f"{label}: {found[0]}" for label, found in run.failures.items())


async def prepared(platform: Platform) -> tuple[OwnedData, str]:
    async with Person.at(platform.url) as owner:
        return await OwnedData.of(owner), owner.http.headers["Authorization"]


async def registered(platform: Platform) -> str:
    async with Person.at(platform.url) as person:
        await person.register()
        return person.http.headers["Authorization"]


def excluded_checks(operation: APIOperation[Any, Any, Any, Any]) -> Iterator[Any]:
    """Yield the checks that an operation cannot pass."""
    body = operation.definition.raw.get("requestBody")
    if body is not None or operation.definition.raw["operationId"] in RULES_BEYOND_SCHEMAS:
        yield positive_data_acceptance  # schemas cannot state all rules of addresses, dates, names, texts and files
    if body is not None and "multipart/form-data" in body["content"]:
        yield negative_data_rejection  # every value of a form is text: a number in place of a file is a file


@dataclass
class Run:
    """A run over operations, and its outcomes."""

    url: str
    owned: OwnedData
    cases: Mapping[GenerationMode, int]
    session: requests.Session = field(default_factory=requests.Session)
    outcomes: Counter[int] = field(default_factory=Counter)
    failures: dict[str, list[str]] = field(default_factory=dict)

    def check(self, operation: APIOperation[Any, Any, Any, Any], headers: dict[str, str]) -> None:
        excluded = list(excluded_checks(operation))
        for mode, count in self.cases.items():
            for case in generated(operation, mode, count, self.owned.ids):
                case.headers.pop("Idempotency-Key", None)  # two requests with one key are a conflict
                response = case.call(base_url=self.url, session=self.session, headers=headers)
                self.outcomes[response.status_code] += 1
                assert response.headers.keys() >= SECURITY_HEADERS, (operation.label, response.headers)
                if response.status_code == 503 and response.json()["error"]["code"] in MISSING_HERE:
                    continue
                try:
                    case.validate_response(response, excluded_checks=excluded, headers=headers)
                except FailureGroup as group:
                    found = [f"{error} {case.as_curl_command()[:600]} {response.content[:300]!r}" for error in group.exceptions]
                    self.failures.setdefault(operation.label, []).extend(found)
