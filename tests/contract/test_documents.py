"""Generated documents are up to date, and published events change only by additions."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from echo_common.contracts.registry import event_types
from echo_embedded.contracts import EVENTS, ContractBrokenError, broken_events, changes, documents, schema, write

ROOT = Path(__file__).parents[2]
GENERATED = documents()


@pytest.mark.parametrize("path", GENERATED, ids=str)
def test_generated_documents_are_up_to_date(path: Path) -> None:
    assert (ROOT / path).read_text() == GENERATED[path], "run `make contracts`"


def test_published_events_changed_only_by_additions() -> None:
    assert list(broken_events(ROOT)) == []


def test_every_event_is_in_the_asyncapi_document() -> None:
    told = json.loads(GENERATED[Path("docs/api/asyncapi.json")])

    assert set(told["channels"]) == {topic for topic, _ in event_types()}


def event() -> dict[str, Any]:
    return {
        "x-transient": False,
        "properties": {
            "user_id": {"type": "string"},
            "plan": {"$ref": "#/$defs/Plan"},
            "place": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
        "required": ["user_id"],
        "$defs": {"Plan": {"enum": ["guest", "user"], "type": "string"}},
    }


def test_new_optional_fields_are_additions() -> None:
    grown = event()
    grown["properties"]["note"] = {"type": "string", "description": "New."}
    grown["properties"]["user_id"]["description"] = "Said better."

    assert list(changes(event(), grown)) == []


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (["properties", "user_id", "type"], "integer", "user_id means something else"),
        (["properties", "user_id"], None, "user_id is gone"),
        (["properties", "place", "properties", "city"], None, "place.city is gone"),
        (["required"], [], "user_id is no longer required"),
        (["required"], ["user_id", "plan"], "plan is now required"),
        (["$defs", "Plan", "enum"], ["guest", "user", "gold"], "plan means something else"),
        (["x-transient"], True, "it is delivered in another way"),
    ],
)
def test_incompatible_changes_are_named(path: list[str], value: object, sentence: str) -> None:
    changed = deepcopy(event())
    holder: Any = changed
    for step in path[:-1]:
        holder = holder[step]
    if value is None:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value

    assert sentence in list(changes(event(), changed))


def test_contracts_are_not_written_after_an_incompatible_change(tmp_path: Path) -> None:
    one = next(iter(event_types().values()))
    promised = schema(one)
    promised["properties"]["something_else"] = {"type": "string"}
    snapshot = tmp_path / EVENTS / f"{one.topic}.v{one.event_version}.json"
    snapshot.parent.mkdir(parents=True)
    snapshot.write_text(json.dumps(promised))

    with pytest.raises(ContractBrokenError, match="something_else is gone; publish version 2 beside it"):
        write(tmp_path)

    assert json.loads(snapshot.read_text()) == promised
    assert not (tmp_path / "docs").exists()


def test_unchanged_contracts_are_not_rewritten(tmp_path: Path) -> None:
    assert set(write(tmp_path)) == set(GENERATED)
    assert write(tmp_path) == []
