"""The states of echos, their revisions, and their events."""

from typing import Any

import pytest
from pydantic import ValidationError

from echo_common.contracts.events.voice import EchoChanged, EchoCreated, EchoDeleted
from echo_common.contracts.http.echos import CreateEcho, EchoPatch, EchoPronunciationEntry
from echo_common.outbox.documents import from_document, to_document
from echo_voice.domain.echos import Echo, EchoRevision, Persona

HUGH = {"term": "Hugh", "respelling": "hue"}
GRANDMOTHER = Persona.model_validate(
    {"name": "Grandmother", "voice_id": "af_heart", "speed": 0.9, "style": "warm", "pronunciations": [HUGH]}
)
LEGACY = {"_id": "echo_1", "user_id": "usr_1", "name": "Old", "persona_prompt": "Kind.", "voice_model_id": "vm_1", "version": 3}


def created() -> Echo:
    echo = Echo.create("usr_1", GRANDMOTHER)
    echo.clear_pending()
    return echo


def test_the_event_of_a_new_echo_has_its_complete_state_without_its_texts() -> None:
    echo = Echo.create("usr_1", GRANDMOTHER)

    [event] = echo.pending

    assert isinstance(event, EchoCreated)
    state = event.model_dump(exclude={"event_id", "occurred_at", "echo_id"})
    assert state == {
        "user_id": "usr_1",
        "revision": 1,
        "name": "Grandmother",
        "voice_id": "af_heart",
        "language": None,
        "speed": 0.9,
        "pitch": 1.0,
        "volume": 1.0,
        "style": "warm",
        "pronunciations": ({"term": "Hugh", "respelling": "hue", "ipa": None, "case_sensitive": False},),
    }


def test_each_change_is_a_new_revision_with_an_event() -> None:
    echo = created()
    echo.revise(echo.persona.model_copy(update={"name": "Oma", "greeting": "Hallo!"}))
    echo.use_voice("vm_1")
    events = [event for event in echo.pending if isinstance(event, EchoChanged)]
    assert [(event.revision, event.name, event.voice_id) for event in events] == [(2, "Oma", "af_heart"), (3, "Oma", "vm_1")]
    assert (echo.revision, echo.search) == (3, "oma")


def test_the_same_values_change_nothing() -> None:
    echo = created()
    echo.revise(GRANDMOTHER.model_copy())
    assert (echo.revision, echo.pending) == (1, ())


def test_an_echo_leaves_only_the_voice_that_is_named() -> None:
    echo = created()
    echo.leave_voice("vm_other")
    assert echo.revision == 1
    echo.leave_voice("af_heart")
    assert (echo.voice_id, echo.revision) == (None, 2)


def test_a_deleted_echo_publishes_its_deletion() -> None:
    echo = created()
    echo.delete()
    assert [type(event) for event in echo.pending] == [EchoDeleted]
    assert echo.erased


def test_an_echo_of_an_earlier_version_keeps_its_voice() -> None:
    echo = from_document(Echo, LEGACY)
    assert (echo.voice_id, echo.revision, echo.speed, echo.pronunciations) == ("vm_1", 0, 1.0, ())


def test_an_echo_is_announced_once() -> None:
    echo = from_document(Echo, LEGACY)
    echo.announce()
    echo.announce()
    assert [(event.revision, event.voice_id) for event in echo.pending if isinstance(event, EchoChanged)] == [(1, "vm_1")]


def test_a_revision_holds_the_state_of_its_echo() -> None:
    echo = created()
    revision = EchoRevision.of(echo)
    echo.revise(Persona(name="Oma"))
    assert (revision.persona, revision.revision, revision.created_at) == (GRANDMOTHER, 1, echo.created_at)
    assert from_document(EchoRevision, to_document(revision)).persona == GRANDMOTHER


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"name": "two\nlines"},
        {"persona_prompt": "x" * 8_001},
        {"greeting": "x" * 1_001},
        {"greeting": "  "},
        {"style": "x" * 501},
        {"language": "not a language"},
        {"voice_id": "no voice!"},
        {"speed": 0.2},
        {"pitch": 2.1},
        {"volume": -0.1},
        {"speed": float("nan")},
        {"pronunciations": [HUGH] * 201},
        {"pronunciations": [{"term": "Hugh"}]},
        {"pronunciations": [{"term": "Hugh", "ipa": "/hju/"}]},
        {"pronunciations": [{"term": "!", "respelling": "x"}]},
        {"revision": 7},
    ],
    ids=str,
)
def test_values_beyond_the_limits_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CreateEcho.model_validate({"name": "Echo", **fields})
    with pytest.raises(ValidationError):
        EchoPatch.model_validate(fields)


def test_values_at_the_limits_are_accepted() -> None:
    entries = [{"term": f"Hugh {number}", "ipa": "hju"} for number in range(200)]
    fields = {"name": "x" * 100, "persona_prompt": "x" * 8_000, "greeting": "x" * 1_000, "style": "x" * 500, "volume": 0}
    echo = CreateEcho.model_validate({**fields, "pronunciations": entries})
    assert echo.pronunciations[199] == EchoPronunciationEntry(term="Hugh 199", ipa="hju")


def test_null_in_a_change_stands_for_the_default() -> None:
    patch = EchoPatch.model_validate(dict.fromkeys(("voice_id", "persona_prompt", "speed", "pronunciations")))
    assert patch.changes() == {"voice_id": None, "persona_prompt": "", "speed": 1.0, "pronunciations": []}
    with pytest.raises(ValidationError, match="name"):
        EchoPatch.model_validate({"name": None})


@pytest.mark.parametrize("request_type", [CreateEcho, EchoPatch])
def test_texts_lose_their_control_characters(request_type: type[CreateEcho | EchoPatch]) -> None:
    texts = {"persona_prompt": "Be\x00 kind.\n\x1b[31mAlways.", "greeting": " \x07Hi\x00! ", "style": "warm\x08"}
    echo = request_type.model_validate({"name": "Grandmother", **texts})
    assert (echo.persona_prompt, echo.greeting, echo.style) == ("Be kind.\n[31mAlways.", "Hi!", "warm")


@pytest.mark.parametrize("field", ["greeting", "style"])
def test_texts_of_control_characters_alone_are_refused(field: str) -> None:
    with pytest.raises(ValidationError, match="cannot be empty"):
        CreateEcho.model_validate({"name": "Grandmother", field: "\x00\x07"})
