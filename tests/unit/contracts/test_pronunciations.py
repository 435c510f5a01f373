"""Pronunciations that users write: in the dictionary, of echos, and for offers."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from echo_common.contracts.http.echos import EchoPronunciationEntry
from echo_common.contracts.http.feedback import AcceptDictionaryOffer
from echo_common.contracts.http.normalization import CreateDictionaryEntry, DictionaryEntryPatch

HUGH = {"term": "Hugh", "respelling": "hue", "ipa": "hju"}
BODIES = [CreateDictionaryEntry, DictionaryEntryPatch, EchoPronunciationEntry, AcceptDictionaryOffer]


def _fields(body: type[BaseModel]) -> dict[str, Any]:
    return {name: value for name, value in HUGH.items() if name in body.model_fields}


@pytest.mark.parametrize("character", ["\0", "\x07", "\x1b", "\x7f", "\x9f", "\ufffe"])
@pytest.mark.parametrize("body", BODIES)
def test_control_characters_are_refused(body: type[BaseModel], character: str) -> None:
    fields = _fields(body)
    for name, value in fields.items():
        with pytest.raises(ValidationError, match=f"U\\+{ord(character):04X}"):
            body.model_validate({**fields, name: f"{value}{character}a"})


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("written", ["Hugh Grant", "Hugh\n-\tGrant", "Großmutter", "می\u200cرود"])
def test_terms_of_several_words_and_of_any_script_are_accepted(body: type[BaseModel], written: str) -> None:
    fields = {**_fields(body), "respelling": written}
    assert body.model_validate(fields).model_dump()["respelling"] == written
