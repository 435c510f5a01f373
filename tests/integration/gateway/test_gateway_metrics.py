"""Metrics and trace headers of the gateway."""

from tests.integration.gateway.conftest import EVERYTHING, Gateway
from tests.integration.gateway.test_progress_sse import ScriptedJob
from tests.integration.gateway.test_response_cache import AUDIO, finished
from tests.support.eventually import eventually
from tests.support.upstream import Upstream

KEY = "echo_a-key-of-the-test"


async def metrics(gateway: Gateway) -> list[str]:
    return (await gateway.operate("/metrics")).decode().splitlines()


async def test_look_ups_of_responses_and_credentials_are_counted(gateway: Gateway, synthesis: Upstream) -> None:
    gateway.issuer.api_keys[KEY] = {"sub": "usr_ada", "sid": "key_1", "scope": EVERYTHING}
    synthesis.answer = finished
    for _ in range(3):
        async with gateway.ask("GET", AUDIO, headers={"X-API-Key": KEY}) as response:
            await response.read()
    found = await metrics(gateway)
    for cache in ("response", "credential"):
        assert f'echo_cache_requests_total{{cache="{cache}",result="miss"}} 1.0' in found
        assert f'echo_cache_requests_total{{cache="{cache}",result="hit"}} 2.0' in found
    assert 'echo_cache_size_bytes{cache="response"} 1004.0' in found


async def test_open_streams_of_events_are_measured(gateway: Gateway, synthesis: Upstream) -> None:
    synthesis.answer = ScriptedJob().answer
    async with gateway.ask("GET", "/api/v1/job/job_1/progress") as response:
        assert response.status == 200
        assert 'echo_open_requests{kind="subscription"} 1.0' in await metrics(gateway)

    async def closed() -> bool:
        return 'echo_open_requests{kind="subscription"} 0.0' in await metrics(gateway)

    await eventually(closed)


async def test_the_response_and_the_forwarded_request_have_the_same_trace(gateway: Gateway, synthesis: Upstream) -> None:
    async with gateway.ask("GET", "/api/v1/voices") as response:
        [trace_id] = response.headers.getall("X-Trace-Id")
        [traceresponse] = response.headers.getall("traceresponse")
    forwarded = synthesis.asked[0].header("traceparent") or ""
    assert forwarded.split("-")[1] == traceresponse.split("-")[1] == trace_id
