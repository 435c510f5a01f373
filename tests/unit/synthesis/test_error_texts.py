"""Texts in the errors of an engine's process do not reach the error log of the platform."""

import pytest

from echo_common.errors import EchoError
from echo_synthesis.engines.tone import SPEC
from echo_synthesis.pool.engine_worker import _raise_error
from echo_synthesis.speech_check import require_readable
from tests.support.error_log import reported

TEXT = "A private text of Ada"


@pytest.mark.parametrize("kind", ["failed", "provider", "voice"])
def test_messages_of_the_process_are_not_reported(kind: str) -> None:
    with pytest.raises(EchoError) as failed:
        _raise_error({"error": kind, "message": f"ValueError: {TEXT}", "retry_after": 5}, "tone")
    assert TEXT not in reported(failed.value)
    assert failed.value.default_message() in reported(failed.value)


def test_an_operator_reads_which_requirement_an_engine_lacks() -> None:
    message = "Gemini refuses the key in ECHO_SYNTHESIS_GEMINI_API_KEY."
    with pytest.raises(EchoError) as failed:
        _raise_error({"error": "unavailable", "message": message, "retry_after": None}, "gemini")
    assert message in reported(failed.value)


def test_unreadable_output_is_not_quoted() -> None:
    with pytest.raises(EchoError) as failed, require_readable(SPEC):
        int(TEXT)
    assert TEXT not in reported(failed.value)
    assert "returned no readable speech" in reported(failed.value)
