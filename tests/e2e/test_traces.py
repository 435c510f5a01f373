"""Test of a trace from the request to the worker."""

import secrets

from tests.support.eventually import eventually
from tests.support.person import Person
from tests.support.platform import Platform


async def test_a_trace_connects_the_request_and_the_worker(platform: Platform, ada: Person) -> None:
    trace_id = secrets.token_hex(16)
    ada.http.headers["traceparent"] = f"00-{trace_id}-{secrets.token_hex(8)}-01"

    job = await ada.queue("Trace this.")
    del ada.http.headers["traceparent"]
    [_ async for _ in ada.follow(job["id"])]

    def seen() -> bool:
        spans = platform.collector.of(trace_id)
        services = {span.attributes.get("echo.service") for span in spans}
        return {"gateway", "synthesis"} <= services and any("job_queued" in span.name for span in spans)

    await eventually(seen, within=15)
    processes = {span.process for span in platform.collector.of(trace_id)}
    if platform.form == "distributed":
        assert {"echo-gateway", "echo-synthesis"} <= processes
