"""Tables and texts that fit terminals of any width: numbers are never cut, long texts are shortened."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from echo_embedded.terminal_text import printable

_GAP: Final = 2
_INDENT: Final = 2
_TEXT_LINES: Final = 2
_SMALLEST_TEXT: Final = 12
"""Width below which a column of texts is not narrowed: the rows are then lists of names and values."""

_SMALLEST_PART: Final = 3
_FIRST_LINES: Final = 6
"""Lines that each part of a full screen gets before the first one gets more."""


@dataclass(frozen=True, slots=True)
class DataTable:
    """A table with a title. Where it does not fit, each row is a list of names and values.

    Columns in `texts` are shortened to two lines; all others have their full width.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: Collection[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the title and the rows."""
        yield Text(self.title, style="bold", no_wrap=True, overflow="ellipsis")
        widths = self._fit(options.max_width)
        if widths is None:
            for row in self.rows:
                yield from _flow(list(self._items(row)), options.max_width)
            return
        table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
        for place, (column, width) in enumerate(zip(self.columns, widths, strict=True)):
            justify: Literal["left", "right"] = "right" if place and column not in self.texts else "left"
            table.add_column(Text(column), justify=justify, no_wrap=True, width=width)
        for row in self.rows:
            cells = zip(self.columns, row, widths, strict=True)
            table.add_row(
                *(
                    shorten(console, cell, width, _TEXT_LINES) if name in self.texts else Text(cell)
                    for name, cell, width in cells
                )
            )
        yield table

    def _fit(self, width: int) -> list[int] | None:
        """Return the widths of the columns; None if they do not fit."""
        columns = zip(self.columns, *self.rows, strict=True)
        widths = [max(map(cell_len, column)) for column in columns]
        excess = sum(widths) + _GAP * (len(widths) - 1) - width
        while excess > 0:
            texts = [place for place, name in enumerate(self.columns) if name in self.texts and widths[place] > _SMALLEST_TEXT]
            if not texts:
                return None
            widest = max(texts, key=widths.__getitem__)
            narrowed = max(_SMALLEST_TEXT, widths[widest] - excess)
            excess -= widths[widest] - narrowed
            widths[widest] = narrowed
        return widths

    def _items(self, row: Sequence[str]) -> Iterator[Text]:
        for place, (name, cell) in enumerate(zip(self.columns, row, strict=True)):
            if not place and name in self.texts:
                yield Text(cell)
            elif cell:
                yield Text.assemble((f"{name} ", "dim"), cell)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry of a log: facts side by side, and below them a text of few lines in the full width."""

    facts: Sequence[Text]
    text: str
    lines: int = _TEXT_LINES

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines."""
        yield from _flow(self.facts, options.max_width)
        if self.text:
            text = shorten(console, self.text, options.max_width - _INDENT, self.lines)
            yield from (Text(" " * _INDENT) + line for line in text.split())


@dataclass(frozen=True, slots=True)
class Screen:
    """Parts in the order of their importance. Where the height is limited, they are shortened; those that have no room are absent."""

    parts: Sequence[RenderableType]
    footer: str
    height: int | None = None  # Rich does not pass the height of the terminal to the content of `Live`

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines."""
        within = options.reset_height()
        blocks = [console.render_lines(part, within, pad=False, new_lines=True) for part in self.parts]
        needed = [len(block) for block in blocks]
        heights = needed if self.height is None else _share(needed, self.height - 1)
        for block, height in zip(blocks, heights, strict=True):
            shown = height if height == len(block) else max(height - 1, 0)
            for line in block[:shown]:
                yield from line
            if shown < height:
                yield Text(f"… {len(block) - shown} more lines", style="dim")
        if self.footer:
            yield Text(self.footer, style="dim", no_wrap=True, overflow="ellipsis")


def data_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], texts: Collection[str] = ()) -> DataTable:
    """Return a table of values, without the characters that control the terminal.

    Args:
        title: The line above the table.
        columns: The names of the columns.
        rows: The values, one per column.
        texts: Columns that may be shortened. All others, such as numbers, are shown as they are.
    """
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    return DataTable(printable(title), [printable(column) for column in columns], cells, texts)


def shorten(console: Console, text: str, width: int, lines: int) -> Text:
    """Return a text in at most so many lines of a width; a shortened one ends with an ellipsis."""
    found = Text(text).wrap(console, max(width, 1), overflow="fold")
    if len(found) > lines:
        last = found[lines - 1]
        last.rstrip()
        last.truncate(width - 1)
        last.append("…")
    return Text("\n").join(found[:lines])


def _flow(items: Sequence[Text], width: int) -> Iterator[Text]:
    """Yield the items side by side, in lines that break between them; lines after the first are indented."""
    line = Text()
    for item in items:
        if not line.plain.strip():
            line += item
        elif line.cell_len + _GAP + item.cell_len <= width:
            line = line + Text(" " * _GAP) + item
        else:
            yield line
            line = Text(" " * _INDENT) + item
    if line:
        yield line


def _share(needed: Sequence[int], height: int) -> list[int]:
    """Return the heights of the parts: first some lines for each, then the remaining ones in their order."""
    shares: list[int] = []
    for need in needed:
        share = min(need, _FIRST_LINES, height)
        shares.append(share if share == need or share >= _SMALLEST_PART else 0)
        height -= shares[-1]
    for place, need in enumerate(needed):
        if shares[place]:
            more = min(need - shares[place], height)
            shares[place] += more
            height -= more
    return shares
