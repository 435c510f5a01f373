"""Settings of the collector."""

import pytest
from pydantic import ValidationError

from echo_common.settings import CommonSettings, invalid_settings


def refusal(**values: object) -> str:
    with pytest.raises(ValidationError) as refused:
        CommonSettings(**values)  # type: ignore[arg-type]
    [sentence] = invalid_settings(refused.value)
    return sentence


def test_headers_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHO_OTLP_HEADERS", "Authorization=Basic abc==, x-tenant=echo")
    assert CommonSettings().otlp_header_items == {"Authorization": "Basic abc==", "x-tenant": "echo"}


def test_signals_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHO_OTLP_SIGNALS", "traces, logs")
    assert CommonSettings().otlp_signals == ("traces", "logs")


@pytest.mark.parametrize("endpoint", ["otel:4318", "grpc://otel:4317", "http://"])
def test_a_collector_is_reached_over_http(endpoint: str) -> None:
    assert "ECHO_OTLP_ENDPOINT" in refusal(otlp_endpoint=endpoint)


def test_credentials_belong_in_the_headers() -> None:
    sentence = refusal(otlp_endpoint="https://user:hunter2@otel.example.com")
    assert "ECHO_OTLP_HEADERS" in sentence
    assert "hunter2" not in sentence


@pytest.mark.parametrize("headers", ["hunter2", "=hunter2", "a b=hunter2", "a=hunter2\u20ac"])
def test_an_invalid_header_is_refused_without_its_value(headers: str) -> None:
    sentence = refusal(otlp_headers=headers)
    assert "ECHO_OTLP_HEADERS" in sentence
    assert "hunter2" not in sentence


@pytest.mark.parametrize("ratio", [-0.1, 1.1])
def test_the_trace_ratio_is_a_share(ratio: float) -> None:
    assert "ECHO_TRACE_RATIO" in refusal(trace_ratio=ratio)
