"""Trace ids of `traceparent` values."""

import pytest

from echo_common.tracing import trace_id_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


@pytest.mark.parametrize("traceparent", [f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00", f"cc-{TRACE}-{SPAN}-01-later"])
def test_the_trace_id_of_a_traceparent(traceparent: str) -> None:
    assert trace_id_of(traceparent) == TRACE


@pytest.mark.parametrize(
    "traceparent",
    [None, "", "no", TRACE, f"00-{TRACE}", f"00-{'0' * 32}-{SPAN}-01", f"00-{'z' * 32}-{SPAN}-01", f"00-{TRACE[1:]}-{SPAN}-01"],
)
def test_a_malformed_traceparent_has_no_trace_id(traceparent: str | None) -> None:
    assert trace_id_of(traceparent) is None
