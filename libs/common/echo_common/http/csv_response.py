"""Responses in CSV: streamed, and safe to open in a spreadsheet."""

import csv
import io
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Final, Literal

from fastapi import Depends, Header, Query

from echo_common.http.streams import ClosingStream

CSV: Final = "text/csv"

_BLOCK_CHARACTERS: Final = 32 * 1024
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r")
"""Starts of a formula; spreadsheets take the full-width signs for the others."""

_CONTROLS: Final = dict.fromkeys(
    [
        *(code for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n\r"),
        *(0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),  # the text direction
    ]
)

Cell = str | int | float | None


async def _wants_csv(
    form: Annotated[
        Literal["json", "csv"] | None,
        Query(
            alias="format", description="Format of the response; `csv` contains all items, regardless of `limit` and `offset`."
        ),
    ] = None,
    accept: Annotated[str, Header(alias="Accept", description="`text/csv` for CSV, if `format` is absent.")] = "",
) -> bool:
    return form == "csv" or (form is None and CSV in accept.lower())


WantsCsv = Annotated[bool, Depends(_wants_csv)]
"""True if the client wants CSV: parameter of an endpoint that offers it beside JSON."""


def csv_response(columns: Sequence[str], rows: AsyncGenerator[Sequence[Cell], None], filename: str) -> ClosingStream:
    """Return a streamed CSV file with a header line; `rows` is closed when it ends or its client leaves.

    Cells that a spreadsheet would take for a formula start with `'`. Control characters and changes of the text direction are
    left out; tabs and line breaks remain.
    """
    headers = {"Content-Disposition": f'attachment; filename="{filename}"', "Cache-Control": "private, no-store"}
    return ClosingStream(_lines(columns, rows), media_type=CSV, headers=headers, source=rows)


def neutralize(cell: Cell) -> Cell:
    """Return a cell that no spreadsheet takes for a formula, and that does not control the terminal that shows it."""
    if not isinstance(cell, str):
        return cell
    text = cell.translate(_CONTROLS)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


async def _lines(columns: Sequence[str], rows: AsyncGenerator[Sequence[Cell], None]) -> AsyncGenerator[bytes, None]:
    block = io.StringIO()
    writer = csv.writer(block)
    writer.writerow(columns)
    async for row in rows:
        writer.writerow([neutralize(cell) for cell in row])
        if block.tell() >= _BLOCK_CHARACTERS:
            yield block.getvalue().encode()
            block.seek(0)
            block.truncate()
    yield block.getvalue().encode()
