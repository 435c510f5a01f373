"""Events of errors shorten their texts, so that no error is too long to be reported."""

import pytest
from pydantic import ValidationError

from echo_common.clock import now
from echo_common.contracts.error_logged import MESSAGE_CHARACTERS, TRACE_CHARACTERS, TYPE_CHARACTERS
from echo_common.contracts.events.synthesis import SynthesisErrorLogged


def event(**fields: object) -> SynthesisErrorLogged:
    values: dict[str, object] = {"error_type": "KeyError", "error_message": "It broke.", "source": "task", "last_at": now()}
    return SynthesisErrorLogged.model_validate(values | fields)


@pytest.mark.parametrize("character", ["m", "ß", "語", "😀"])
def test_the_starts_of_messages_and_types_are_kept(character: str) -> None:
    made = event(error_message="A" + character * 5_000, error_type="B" + character * 5_000, subject="C" + character * 5_000)
    assert made.error_message == "A" + character * (MESSAGE_CHARACTERS - 2) + "…"
    assert made.error_type == "B" + character * (TYPE_CHARACTERS - 2) + "…"
    assert made.subject == "C" + character * (TYPE_CHARACTERS - 2) + "…"


@pytest.mark.parametrize("character", ["f", "ß", "語", "😀"])
def test_the_ends_of_stack_traces_are_kept(character: str) -> None:
    trace = event(stack_trace=character * 20_000 + "\nthe most recent frame").stack_trace
    assert trace is not None
    assert len(trace) == TRACE_CHARACTERS
    assert trace.startswith(f"…{character}")
    assert trace.endswith(f"{character}\nthe most recent frame")


@pytest.mark.parametrize("characters", [1, MESSAGE_CHARACTERS])
def test_texts_within_the_bound_stay_as_they_are(characters: int) -> None:
    assert event(error_message="語" * characters).error_message == "語" * characters
    assert event(stack_trace=None).stack_trace is None


def test_long_texts_are_shortened_when_they_are_read() -> None:
    body = event().model_dump_json().replace("It broke.", "m" * 5_000)
    assert len(SynthesisErrorLogged.model_validate_json(body).error_message) == MESSAGE_CHARACTERS


def test_texts_that_utf8_cannot_encode_are_reported() -> None:
    made = event(error_message="There is no file \udcff.", stack_trace="\udcff")
    assert made.error_message == "There is no file ?."
    assert SynthesisErrorLogged.model_validate_json(made.model_dump_json()) == made


def test_values_that_are_no_texts_are_refused() -> None:
    with pytest.raises(ValidationError, match="error_message"):
        event(error_message=7)
