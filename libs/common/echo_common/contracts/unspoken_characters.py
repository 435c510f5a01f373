"""Characters that no text to be spoken may contain."""

import re

_UNSPOKEN = re.compile("[\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def find_unspoken_character(text: str) -> int | None:
    """Return the index of the first control character, lone surrogate or noncharacter; None without one.

    White space is permitted.
    """
    found = _UNSPOKEN.search(text)
    return None if found is None else found.start()
