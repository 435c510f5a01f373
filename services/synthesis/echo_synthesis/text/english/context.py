"""Context of numbers: properties that follow from the surrounding words."""

import re

_LOOK = 24
_BEFORE = re.compile(r"(?:^|\W)(?:an?|another|every)\s(?:[a-z]{3,12}\s)?$", re.IGNORECASE)
_AFTER = re.compile(
    r"[\s-](?!(?:an?|and|or|in|of|for|to|per|more|less|off|each|is|was|were|are|at|on|from|by|if|when|that|than|as|but|it|the|with"
    r"|into|over|under|a\s?piece|apart|away|ago|later|long|wide|tall|high|deep|old|thick|back|extra|now|today|here|there|so|because)\b)"
    r"(?=[a-z])"
)
_CASH = re.compile(r"[\s-](?:bills?|banknotes?|notes?|coins?)\b|-[a-z]")
_COUNTED = re.compile(
    r"\s(?:of\s|people|men|women|children|dollars|euros|pounds|miles|meters|metres|kilometers|feet|days|hours|minutes|seconds|weeks"
    r"|years|times|words|pages|points|votes|calories|bytes|pixels|copies|items|users|units|pieces|euro|books|students)\b"
)


def attributive(match: re.Match[str]) -> bool:
    """Return whether a quantity is an attribute, in the singular: a $20 bill, a 10 kg bag, but not: a mere $20 for it."""
    text, start, end = match.string, match.start(), match.end()
    if _CASH.match(text, end):
        return True
    return bool(_BEFORE.search(text[max(0, start - _LOOK) : start]) and _AFTER.match(text, end))


def counted(match: re.Match[str]) -> bool:
    """Return whether a number counts something and is not a year."""
    return bool(_COUNTED.match(match.string, match.end()))
