"""Requirements of new passwords, checked offline."""

import threading
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from zxcvbn import zxcvbn

from echo_common.contracts.errors.auth import WeakPasswordError

_EXAMINED: Final = 24
"""Characters that are estimated; the estimator's time rises steeply with the length, and a strong beginning suffices."""

_SUFFICIENT_SCORE: Final = 2  # more than a million guesses, beyond what the throttle lets through in years
_SHORTEST_TERM: Final = 3
_OWN_CHARACTERS: Final = 5
"""Characters that a password must have beside the user's email address and names."""

_SIMILAR = "The password is too similar to your email address or name; choose another one."
_GUESSABLE = "The password is easy to guess; use several words that do not belong together, or more characters."

_estimating = threading.Lock()  # zxcvbn keeps the terms of the user in a global dictionary


def check_strength(password: str, terms: Iterable[str]) -> None:
    """Check a new password. Takes up to some tenths of a second, so call it in a thread.

    Args:
        password: The password, in normal form.
        terms: Email address and names of the user, which are easy to guess.

    Raises:
        WeakPasswordError: The password is common, breached, a pattern, or similar to a term.
    """
    known = sorted({part for term in terms for part in _parts(term)}, key=len, reverse=True)
    if _is_similar(password, known):
        raise _weak(_SIMILAR)
    with _estimating:
        estimate = zxcvbn(password[:_EXAMINED], user_inputs=known)
    if estimate["score"] < _SUFFICIENT_SCORE:
        warning = str(estimate["feedback"]["warning"] or "").rstrip(".")
        raise _weak(f"{warning}. {_GUESSABLE}" if warning else _GUESSABLE)


def list_personal_terms(*terms: str | None) -> Sequence[str]:
    """Return those of a user's email address, username and names that are known: the password must not be similar to them."""
    return [term for term in terms if term]


def _parts(term: str) -> Iterable[str]:
    """Return the term and, of an email address, its two sides, each as letters and digits in lower case."""
    return [plain for part in (term, *term.split("@")) if len(plain := _plain(part)) >= _SHORTEST_TERM]


def _is_similar(password: str, terms: Sequence[str]) -> bool:
    plain = _plain(password)
    for candidate in (plain, plain[::-1]):
        rest = candidate
        for term in terms:
            rest = rest.replace(term, "")
        if rest != candidate and len(rest) < _OWN_CHARACTERS:
            return True
    return False


def _plain(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())


def _weak(message: str) -> WeakPasswordError:
    return WeakPasswordError(message, details=[{"field": "password", "message": message}])
