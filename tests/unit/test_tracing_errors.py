"""Spans record exceptions without their messages."""

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from echo_common.tracing import recording_span


def test_a_span_has_the_type_of_an_exception_and_not_its_message() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with (
        pytest.raises(ValueError, match="a text"),
        recording_span(provider.get_tracer("test"), "speak", Context(), SpanKind.INTERNAL, {}),
    ):
        _fail("".join(("a te", "xt of a user")))  # not in the line of code, which the stack trace shows
    [span] = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert [event.attributes["exception.type"] for event in span.events if event.attributes] == ["ValueError"]
    assert "_fail" in span.to_json()
    assert "text of a user" not in span.to_json()


def _fail(text: str) -> None:
    raise ValueError(text)
