"""Catalogues of messages, and the choice of a language.

English messages are in the code: the docstring of an error is its message, and the message of a successful response is given
in English. All other texts, and all texts of a further language, are in one file `<language>.json` beside this module. A key is
the code of an error, or a dotted name; the English file names messages of successful responses.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from echo_common.errors import EchoError

ENGLISH = "en"
_SUCCESS = "success."
FOLDER = Path(__file__).parent
_MAXIMUM_RANGES = 20
"""Language ranges of a header that are read; browsers send fewer than ten."""

LANGUAGES = (ENGLISH, *sorted({path.stem for path in FOLDER.glob("*.json")} - {ENGLISH}))
"""Languages with messages, as BCP 47 primary subtags."""


def negotiate(accepted: str) -> str:
    """Return the language that a header `Accept-Language` prefers; English if it accepts none of ours.

    A range matches by its primary subtag: `de-AT` is German (RFC 4647, section 3.4).
    """
    best, best_quality = ENGLISH, 0.0
    for tag, quality in _ranges(accepted):
        language = ENGLISH if tag == "*" else tag.partition("-")[0].lower()
        if language in LANGUAGES and quality > best_quality:
            best, best_quality = language, quality
    return best


def message_of(error: EchoError, language: str) -> str:
    """Return the message of an error in a language.

    A message that says more than its code, and has no details that say it too, follows in parentheses in English. An error of
    another service has been rendered by that service.
    """
    translated = _texts(language).get(error.code)
    if translated is None or type(error).code != error.code:
        return error.message
    general = error.message == error.default_message() or error.details is not None
    return translated if general else f"{translated} ({error.message})"


def text_of(key: str, language: str) -> str:
    """Return a text in a language, a BCP 47 tag; in English if the language has no messages."""
    texts = _texts(negotiate(language))
    return texts[key]


def texts_of(prefix: str, language: str) -> dict[str, str]:
    """Return the texts whose keys are a prefix and a name without a dot, by name."""
    found = ((key.removeprefix(prefix), text) for key, text in _texts(negotiate(language)).items() if key.startswith(prefix))
    return {name: text for name, text in found if "." not in name}


def success_message(text: str, language: str) -> str:
    """Return a message of a successful response, given in English, in a language; unchanged if the catalogue lacks it."""
    key = _success_keys().get(text)
    return text if key is None else text_of(key, language)


@cache
def _success_keys() -> Mapping[str, str]:
    return {text: f"{_SUCCESS}{name}" for name, text in texts_of(_SUCCESS, ENGLISH).items()}


@cache
def _texts(language: str) -> Mapping[str, str]:
    path = FOLDER / f"{language}.json"
    texts: Mapping[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return texts


def _ranges(accepted: str) -> Iterator[tuple[str, float]]:
    for part in accepted.split(",", _MAXIMUM_RANGES)[:_MAXIMUM_RANGES]:
        tag, _, parameter = part.partition(";")
        try:
            quality = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if 0 < quality <= 1:
            yield tag.strip(), quality
