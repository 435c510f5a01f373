"""Markdown: parsing of a text, which removes the markup and keeps every word."""

import html
import re

from echo_synthesis.text.headings import named
from echo_synthesis.text.source_map import Heading, Limits, VisibleText, VisibleTextBuilder

_LONGEST_HEADING = 200
HEADING = re.compile(r" {0,3}(?P<hashes>#{1,6})[ \t]++(?P<title>.*+)")
_RULE = re.compile(r" {0,3}(?:=+|-+|(?:[-*_][ \t]*){3,})$")
FENCE = re.compile(r"[ \t>]*+(?P<mark>`{3,}+|~{3,}+)[^`]*+$")
_QUOTE = re.compile(r" {0,3}(?:>[ \t]?)+")
_BULLET = re.compile(r"[ \t]*(?:[-*+•‣▪])[ \t]+(?:\[[ xX]\][ \t]+)?")
_NUMBER = re.compile(r"[ \t]*(?=\d{1,9}[.)][ \t])")
_DEFINITION = re.compile(
    r" {0,3}\[(?P<name>[^\[\]\n]{1,200})\]:[ \t]*+(?:<[^<>\n]*+>|(?=[^\s/.\#:]*+[/.\#:])\S++)"
    r"[ \t]*+(?:\"[^\"\n]*+\"|'[^'\n]*+'|\([^()\n]*+\))?[ \t]*+$"
)
_DELIMITERS = re.compile(r"[ \t]*+\|?+[ \t]*+:?+-++:?+[ \t]*+(?:\|[ \t]*+:?+-++:?+[ \t]*+)*+\|?+[ \t]*+$")

_CELL = re.compile(r"[^|\\\s](?:[^|\\]|\\.)*(?<!\s)")

_LABEL = r"(?P<label>(?:[^\[\]\\\n]|\n(?!\s*\n)|\\.|\[[^\[\]\n]{0,100}\]){0,500}+)"
_TARGET = r"\(\s{0,3}(?:<[^<>\n]{0,500}>|[^\s()]{0,500}(?:\([^\s()]{0,100}\)[^\s()]{0,100}){0,3})(?:\s{1,3}(?:\"[^\"]{0,200}\"|'[^']{0,200}'))?\s{0,3}\)"
_BLOCKS = "p|div|h[1-6]|ul|ol|li|tr|table|thead|tbody|section|article|blockquote|pre|details|summary|dl|dt|dd|hr|br"
_BLOCK = re.compile(_BLOCKS, re.IGNORECASE)
_TAGS = (
    f"{_BLOCKS}|a|b|i|u|s|em|strong|small|big|sub|sup|span|code|kbd|mark|del|ins|img|td|th|font|center|abbr|cite|q|samp|var|wbr"
)
_INLINE = re.compile(
    rf"(?P<pause>\[pause(?=[: \]]))|!?\[{_LABEL}\](?:{_TARGET}|\[(?P<reference>[^\[\]\n]{{0,200}})\])"
    rf"|(?P<comment><!--.{{0,1000}}?-->)|</?(?P<tag>{_TAGS})(?:\s[^<>]{{0,500}})?/?>"
    r"|(?P<escape>\\(?=[!-/:-@\[-`{-~]))|(?P<entity>&(?:\#\d{1,7}|\#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,31});)",
    re.IGNORECASE | re.DOTALL,
)


def parse_markdown(text: str, limits: Limits) -> VisibleText:
    """Return the text without its Markdown, HTML tags and entities, in linear time.

    Raises:
        ValidationError: A pause is invalid.
    """
    return _Page(text, limits).read()


class _Page:
    def __init__(self, text: str, limits: Limits) -> None:
        self._text = text
        self._builder = VisibleTextBuilder(text, limits)
        self._lines = _lines(text)
        self._names = {found["name"].casefold() for start, end in self._lines if (found := _DEFINITION.match(text, start, end))}
        self._run = 0

    def read(self) -> VisibleText:
        """Parse line by line; the lines of a paragraph together, because a link may be wrapped."""
        fence, row = "", False
        for index, (start, end) in enumerate(self._lines):
            mark = FENCE.match(self._text, start, end)
            if mark and (not fence or (mark["mark"].startswith(fence) and not self._text[mark.end("mark") : end].strip())):
                self._close(start)
                self._builder.begin_paragraph(start)
                fence, self._run = "" if fence else mark["mark"], end
            elif fence:
                self._builder.add_original(start, min(end + 1, len(self._text)))
                self._run = end + 1
            else:
                row = self._table(index, start, end, row)
                if not row:
                    self._line(start, end)
        self._close(len(self._text))
        return self._builder.build()

    def _line(self, start: int, end: int) -> None:
        quote = _QUOTE.match(self._text, start, end)
        inside = quote.end() if quote else start
        if heading := HEADING.match(self._text, inside, end):
            self._heading(start, heading, len(heading["hashes"]))
        elif heading := named(self._text, inside, end):
            self._heading(start, heading, 1)
        elif underline := _RULE.match(self._text, inside, end):
            self._underlined(start, underline[0].strip()[0])
            self._run = end
        elif _DEFINITION.match(self._text, start, end):
            self._begin(start)
            self._run = end
        elif item := (_BULLET.match(self._text, inside, end) or _NUMBER.match(self._text, inside, end)):
            self._begin(start)
            self._run = item.end()
        elif quote:
            self._close(start)
            self._run = inside
        elif not self._text[start:end].strip():
            self._close(end)

    def _heading(self, start: int, line: re.Match[str], level: int) -> None:
        self._begin(start)
        first = self._builder.length
        self._inline(line.start("title"), line.start("title") + len(_without_closing(line["title"])))
        self._builder.headings.append(Heading(first, self._builder.length, level))
        self._builder.begin_paragraph(line.end())
        self._run = line.end()

    def _underlined(self, at: int, sign: str) -> None:
        """Process a line of symbols, which makes a short paragraph directly above it a heading."""
        above = self._text[self._run : at]
        first = self._builder.length
        self._begin(at)
        if sign in "=-" and len(above) <= _LONGEST_HEADING and above.strip() and not above.endswith("\n\n"):
            self._builder.headings.append(Heading(first, self._builder.length, 1 if sign == "=" else 2))

    def _table(self, index: int, start: int, end: int, row: bool) -> bool:
        """Process the line if it belongs to a table; return whether it does. Commas separate the cells; rows are sentences."""
        if not self._text[start:end].strip():
            return False
        delimiters = "|" in self._text[start:end] and _DELIMITERS.match(self._text, start, end)
        if row and "|" not in self._text[start:end]:
            return False
        if not row and not delimiters:
            following = self._lines[index + 1] if index + 1 < len(self._lines) else (end, end)
            if "|" not in self._text[start:end] or "|" not in self._text[slice(*following)]:
                return False
            if not _DELIMITERS.match(self._text, *following):
                return False
        self._begin(start)
        if not delimiters:
            self._cells(start, end)
        self._run = end
        return True

    def _cells(self, start: int, end: int) -> None:
        filled = False
        for cell in _CELL.finditer(self._text, start, end):
            if filled:
                self._builder.add_replacement(", ", cell.start(), cell.start())
            self._inline(*cell.span())
            filled = True
        self._builder.begin_paragraph(end)

    def _begin(self, at: int) -> None:
        self._close(at)
        self._builder.begin_paragraph(at)

    def _close(self, at: int) -> None:
        """Add the collected part of a paragraph to the visible text."""
        if self._run < at:
            self._inline(self._run, at)
        self._run = max(self._run, at)

    def _inline(self, start: int, end: int) -> None:
        for found in _INLINE.finditer(self._text, start, end):
            if found.start() < start or found["pause"]:
                continue
            name = found["reference"]
            if name is not None and (name or found["label"]).casefold() not in self._names:
                continue
            self._builder.add_original(start, found.start())
            start = found.end()
            if found["label"] is not None:
                self._inline(*found.span("label"))
            elif found["entity"]:
                self._entity(found)
            elif found["tag"] and _BLOCK.fullmatch(found["tag"]):
                self._builder.begin_paragraph(found.start())
        self._builder.add_original(start, end)

    def _entity(self, found: re.Match[str]) -> None:
        shown = html.unescape(found[0])
        if shown == found[0] or not shown.isprintable():
            shown = " " if shown != found[0] else shown
        self._builder.add_replacement(shown, *found.span())


def _without_closing(title: str) -> str:
    """Return a heading's title without the number signs that may close its line."""
    title = title.rstrip(" \t")
    bare = title.rstrip("#")
    return bare.rstrip(" \t") if bare[-1:] in {" ", "\t"} else title


def _lines(text: str) -> list[tuple[int, int]]:
    lines, start = [], 0
    for line in text.split("\n"):
        lines.append((start, start + len(line)))
        start += len(line) + 1
    return lines
