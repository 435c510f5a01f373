"""Parts of SSML documents: the characters of a segment, and text that takes their place."""

import re
from xml.parsers import expat
from xml.sax.saxutils import escape

from echo_synthesis.engine import Span

_OPENING, _CLOSING = "<speak>", "</speak>"
LEAD = len(_OPENING)
"""Number of characters that `wrap` puts before a fragment."""

_LEAF_START = re.compile(r"<(?:say-as|sub|phoneme)\b[^<>]*>\s{0,50}\Z")
_LEAF_END = re.compile(r"\s{0,50}</(?:say-as|sub|phoneme)\s{0,50}>")
_LONGEST_TAG = 1_000


def wrap(fragment: str) -> str:
    """Return a document that contains a fragment only."""
    return f"{_OPENING}{fragment}{_CLOSING}"


def to_fragment(text: str, *, markup: bool | None) -> str:
    """Return a text as a well-formed part of a document.

    With `markup` it is one already; without, its special characters are escaped. None: it is markup if it is well-formed.
    """
    return text if markup or (markup is None and _is_well_formed(text)) else escape(text)


def include_leaves(span: Span, text: str) -> Span:
    """Return a span of a document with the tags of the leaf elements in which it starts or ends."""
    before = _LEAF_START.search(text, max(0, span.start - _LONGEST_TAG), span.start)
    after = _LEAF_END.match(text, span.end)
    return Span(before.start() if before else span.start, after.end() if after else span.end)


def _is_well_formed(text: str) -> bool:
    parser = expat.ParserCreate("utf-8")
    try:
        parser.Parse(wrap(text).encode(errors="surrogatepass"), True)
    except expat.ExpatError:
        return False
    return True
