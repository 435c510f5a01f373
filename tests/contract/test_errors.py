"""An error that a client may see is defined once, and the public document lists it."""

import ast
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from echo_common.messages.catalogue import ENGLISH, FOLDER, LANGUAGES, texts_of
from echo_gateway.contract import load_contracts
from echo_gateway.openapi import openapi_document

ROOT = Path(__file__).parents[2]


def codes_in(*folders: str) -> Counter[str]:
    """Count the classes of each code below the folders."""
    files = (file for folder in folders for file in (ROOT / folder).rglob("*.py"))
    classes = (node for file in files for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ClassDef))
    return Counter(code for node in classes for line in node.body if (code := _code(line)))


def test_error_codes_are_unique() -> None:
    repeated = [code for code, times in codes_in("libs", "services", "deploy").items() if times > 1]
    assert repeated == []


def test_documented_errors_of_services_are_in_the_public_document() -> None:
    document = json.dumps(openapi_document(load_contracts()))
    missing = [code for code in codes_in("libs/common/echo_common/contracts/errors") if f'"{code}"' not in document]
    assert missing == [], "list it in `errors=(…)` of an endpoint, or keep it inside its service"


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != ENGLISH])
def test_every_error_is_translated(language: str) -> None:
    texts = json.loads((FOLDER / f"{language}.json").read_text())
    missing = codes_in("libs", "services").keys() - texts.keys()
    assert not missing, f"add them to {language}.json"


def test_every_message_of_a_successful_response_is_translated() -> None:
    known = set(texts_of("success.", ENGLISH).values())
    written = {value.value for value in _messages() if isinstance(value, ast.Constant)}
    document = openapi_document(load_contracts())
    operations = (operation for path in document["paths"].values() for operation in path.values())
    responses = (response for operation in operations for response in operation["responses"].values())
    bodies = (response.get("content", {}).get("application/json", {}).get("example") for response in responses)
    shown = {body["message"] for body in bodies if isinstance(body, dict) and "data" in body and "message" in body}
    assert (written | shown) - known == set(), "add them to the catalogues as success.…"


def _messages() -> Iterator[ast.expr]:
    """Yield the messages that are given to the envelope."""
    for file in (ROOT / "services").rglob("echo_*/**/*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ok":
                yield from (keyword.value for keyword in node.keywords if keyword.arg == "message")


def _code(line: ast.stmt) -> str | None:
    named = isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name) and line.targets[0].id == "code"
    value = line.value if named and isinstance(line, ast.Assign) else None
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
