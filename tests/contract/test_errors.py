"""An error that a client may see is defined once, and the public document lists it."""

import ast
import json
from collections import Counter
from pathlib import Path

import pytest

from echo_common.messages.catalogue import ENGLISH, FOLDER, LANGUAGES
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


def _code(line: ast.stmt) -> str | None:
    named = isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name) and line.targets[0].id == "code"
    value = line.value if named and isinstance(line, ast.Assign) else None
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
