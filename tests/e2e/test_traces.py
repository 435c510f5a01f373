"""Test of a trace from the request to the worker."""

import secrets

from tests.support.eventually import eventually
from tests.support.person import Person
from tests.support.platform import Platform


async def test_a_trace_connects_the_request_and_the_worker(platform: Platform, ada: Person) -> None:
    trace_id = secrets.token_hex(16)
    ada.http.headers["traceparent"] = f"00-{trace_id}-{secrets.token_hex(8)}-01"

    job = await ada.queue("Trace this.")
    response = await ada.http.get("/voices")
    assert response.headers["X-Trace-Id"] == trace_id
    assert response.headers["traceresponse"].startswith(f"00-{trace_id}-")
    del ada.http.headers["traceparent"]
    [_ async for _ in ada.follow(job["id"])]
    expected = {
        *("POST /api/v1/job", "POST /job"),
        *("process synthesis.job_queued", "perform jobs", "speak tone", "synthesize tone"),
    }

    await eventually(lambda: expected <= {span.name for span in platform.collector.of(trace_id)}, within=15)
    services = {span.attributes.get("echo.service") for span in platform.collector.of(trace_id)}
    assert {"gateway", "synthesis"} <= services
    processes = {span.process for span in platform.collector.of(trace_id)}
    if platform.form == "distributed":
        assert {"echo-gateway", "echo-synthesis"} <= processes
