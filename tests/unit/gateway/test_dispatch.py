"""Dispatch of requests to proxy routes by path, method and id."""

from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from echo_common.http.proxy_options import ProxyOptions
from echo_gateway.contract import ProxyEndpoint
from echo_gateway.dispatch import Dispatch


def endpoint(method: str, path: str, operation: str, **options: Any) -> Any:
    return ProxyEndpoint("things", method, path, operation, ProxyOptions(token=False, **options))


ENDPOINTS = [
    endpoint("GET", "/things/{thing_id}", "get_thing"),
    endpoint("DELETE", "/things/{thing_id}", "delete_thing"),
    endpoint("POST", "/things/generate", "generate"),
    endpoint("GET", "/job/{job_id}", "get_job", id_prefixes=("job_",)),
    endpoint("PUT", "/job/{job_id}", "revise_job", id_prefixes=("job_",)),
    endpoint("GET", "/job/{job_id}", "get_task", id_prefixes=("job_train_", "smp_")),
    endpoint("GET", "/job", "list_jobs"),
    endpoint("GET", "/job", "list_tasks", queries=("type=training", "type=processing")),
]


class Framework:
    """Counts the requests that no proxy route serves."""

    def __init__(self) -> None:
        self.served = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.served += 1


class Served(Exception):
    """The operation that a request reached."""


@pytest.fixture
def framework() -> Framework:
    return Framework()


@pytest.fixture
def dispatch(framework: Framework, monkeypatch: pytest.MonkeyPatch) -> Dispatch:
    def app_of(served: ProxyEndpoint) -> Any:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            raise Served(served.operation, scope["path_params"])

        return app

    monkeypatch.setattr("echo_gateway.dispatch.proxy_app", app_of)
    return Dispatch(framework, endpoints=ENDPOINTS)


async def sent(dispatch: Dispatch, method: str, path: str) -> Any:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    path, _, query = path.partition("?")
    scope: Any = {"type": "http", "method": method, "path": path, "query_string": query.encode()}
    scope |= {"headers": [], "state": {"request_id": "req_1"}}
    try:
        await dispatch(scope, receive, send)
    except Served as served:
        return served.args
    return (messages[0]["status"], dict(messages[0]["headers"])) if messages else None


async def test_a_path_parameter_reaches_the_route(dispatch: Dispatch):
    assert await sent(dispatch, "GET", "/things/1") == ("get_thing", {"thing_id": "1"})


async def test_literal_segments_take_precedence(dispatch: Dispatch):
    assert await sent(dispatch, "POST", "/things/generate") == ("generate", {})


async def test_a_wrong_method_is_refused_with_the_methods_of_this_path_alone(dispatch: Dispatch, framework: Framework):
    status, headers = await sent(dispatch, "PUT", "/things/generate")
    assert (status, headers[b"allow"]) == (405, b"POST")
    status, headers = await sent(dispatch, "PUT", "/things/1")
    assert (status, headers[b"allow"]) == (405, b"DELETE, GET")
    assert not framework.served


@pytest.mark.parametrize("path", ["/", "/things", "/things/1/more", "/other"])
async def test_other_paths_go_to_the_framework(dispatch: Dispatch, framework: Framework, path: str):
    assert await sent(dispatch, "GET", path) is None
    assert framework.served == 1


async def test_the_prefix_of_an_id_selects_the_service(dispatch: Dispatch):
    assert (await sent(dispatch, "GET", "/job/job_1"))[0] == "get_job"
    assert (await sent(dispatch, "GET", "/job/job_train_1"))[0] == "get_task"
    assert (await sent(dispatch, "GET", "/job/smp_1"))[0] == "get_task"


async def test_a_method_that_the_service_of_an_id_lacks_is_refused(dispatch: Dispatch):
    assert await sent(dispatch, "PUT", "/job/job_1") == ("revise_job", {"job_id": "job_1"})
    status, headers = await sent(dispatch, "PUT", "/job/job_train_1")
    assert (status, headers[b"allow"]) == (405, b"GET")


@pytest.mark.parametrize("query", ["type=training", "limit=1&type=processing", "type=%74raining"])
async def test_a_query_parameter_selects_the_service(dispatch: Dispatch, query: str):
    assert await sent(dispatch, "GET", f"/job?{query}") == ("list_tasks", {})


@pytest.mark.parametrize("query", ["", "?type=synthesis", "?type=other", "?status=training"])
async def test_other_queries_go_to_the_service_without_declared_ones(dispatch: Dispatch, query: str):
    assert await sent(dispatch, "GET", f"/job{query}") == ("list_jobs", {})


async def test_an_id_of_no_service_is_not_found(dispatch: Dispatch):
    assert (await sent(dispatch, "GET", "/job/1"))[0] == 404


def test_a_path_cannot_be_served_twice_without_id_prefixes_or_queries():
    twice = [endpoint("GET", "/things", "list_things"), endpoint("GET", "/things", "list_things_too")]
    with pytest.raises(ValueError, match="id prefixes or queries"):
        Dispatch(Framework(), endpoints=twice)
