"""Telemetry of a running platform: metrics and log entries at the collector, and `/metrics` for administrators."""

from tests.support.eventually import eventually
from tests.support.metric_labels import known_values, labels_by_metric
from tests.support.person import Person
from tests.support.platform import Platform

SERVICES = {"gateway", "auth", "synthesis", "voice", "feedback", "listening"}


async def test_the_collector_receives_metrics_of_every_service(platform: Platform, ada: Person) -> None:
    await ada.speak("Count this.")
    await ada.http.post("/tts/synthesize/stream", json={"text": "And stream this.", "voice_id": "tone_low"})
    job = await ada.queue("And this.")
    [_ async for _ in ada.follow(job["id"])]
    expected = {
        *("http_server_request_duration_seconds", "echo_engine_real_time_factor_ratio", "echo_cache_requests"),
        *("echo_task_duration_seconds", "echo_task_queue_depth", "messaging_process_duration_seconds"),
        *("echo_engine_workers", "echo_speech_first_byte_seconds", "process_cpu_seconds"),
    }

    def received() -> bool:
        points = platform.collector.points
        alive = {point.labels.get("service") for point in points if point.name == "echo_bus_connected" and point.data.as_double}
        return expected <= {point.name for point in points} and alive >= SERVICES

    await eventually(received, within=20)
    healthy = {
        (point.labels["service"], point.labels["part"]): point.data.as_double
        for point in platform.collector.points
        if point.name == "echo_health_check_up"
    }
    assert {service for service, _ in healthy} == SERVICES
    assert healthy["synthesis", "engines"] == healthy["gateway", "database"] == 1


async def test_metrics_have_only_declared_labels_and_values(platform: Platform, ada: Person) -> None:
    await ada.speak("Label this.")
    assert (await ada.http.get("/job/job_none")).status_code == 404
    await eventually(lambda: any(point.labels.get("status_class") == "4xx" for point in platform.collector.points), within=20)
    declared, wrong = labels_by_metric(), set()
    for point in list(platform.collector.points):
        assert point.labels.keys() == declared[point.name], point.name
        for label, value in point.labels.items():
            if (known := known_values(point.name, label)) is not None and value not in known:
                wrong.add((point.name, label, value))
    assert wrong == set()


async def test_the_collector_receives_log_entries_with_the_trace_of_the_response(platform: Platform, ada: Person) -> None:
    response = await ada.http.get("/voices")
    trace_id = response.headers["X-Trace-Id"]

    def services() -> set[str]:
        entries = [entry for entry in platform.collector.entries if entry.trace_id == trace_id]
        return {entry.attributes["service"] for entry in entries if entry.event == "request_completed"}

    await eventually(lambda: services() >= {"gateway", "synthesis"}, within=20)


async def test_metrics_are_for_the_operator(platform: Platform, ada: Person, admin: Person) -> None:
    root = platform.url
    assert (await ada.http.get(f"{root}/metrics")).status_code == 403
    read = await admin.http.get(f"{root}/metrics")
    assert read.status_code == 200
    assert 'http_server_request_duration_seconds_count{method="GET"' in read.text
    assert 'echo_outbox_age_seconds{service="gateway"}' in read.text
