"""Tables that fit a terminal: short times, wide cells on several lines, or a line for each cell where that is shorter."""

import re
import shutil
import time
from collections.abc import Sequence
from datetime import datetime

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

GAP = "  "
"""Between two cells."""
WORD = 9
"""Columns of the terminal within which words of a cell are not broken; words of titles never are."""
HALF = 25
"""Columns that suffice for half of a longer word: folders, addresses and identifiers are broken once, where that can be."""
NAME = 38
"""Columns of the terminal that the first cell of a row keeps, for people copy it: an output's identifier."""
RECENT = 300 * 86_400
"""Seconds for which a time is shown by its hour, and afterwards by its year, as `ls` does."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)")


def fitted(table: Sequence[Sequence[str]]) -> list[str]:
    """The table, the first of whose lines are its titles, as lines of text that are no wider than the terminal. The first column
    is what rows are named by, and is the last one to be made narrower."""
    short = [[_short(cell) for cell in line] for line in table]
    room = shutil.get_terminal_size().columns
    records, widths = _records(short, room), _widths(short, room)
    return min([part for line in short for part in _wrapped(line, widths)], records, key=len) if widths else records


def aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    """Cells under each other, also where their characters are two columns wide."""
    return GAP.join(set_cell_size(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip()


def wanted(table: Sequence[Sequence[str]]) -> list[int]:
    """The widths of the columns without any limit."""
    return [max(map(cell_len, cells)) for cells in zip(*table, strict=True)]


def _records(table: Sequence[Sequence[str]], room: int) -> list[str]:
    """A line for each cell, behind its title, and an empty one between two rows."""
    titles, *rows = table
    name = max(map(cell_len, titles))
    widths = [name, max(WORD, room - name - len(GAP))]
    return [part for row in rows for pair in [*zip(titles, row, strict=True), ("", "")] for part in _wrapped(pair, widths)][:-1]


def _widths(table: Sequence[Sequence[str]], room: int) -> list[int]:
    """Of the columns, so that they fit; none where cells would be too narrow to be read."""
    widths = wanted(table)
    least = [max(_word(title), *map(_least, cells)) for title, *cells in zip(*table, strict=True)]
    least[0] = max(least[0], min(widths[0], NAME))
    while (excess := sum(widths) + len(GAP) * (len(widths) - 1) - room) > 0:
        narrowable = [index for index, width in enumerate(widths) if width > least[index]]
        if not narrowable:
            return []
        widest = max(narrowable, key=lambda index: (index > 0, widths[index]))
        widths[widest] -= 1 if widest else min(excess, widths[0] - least[0])
    return widths


def _least(cell: str) -> int:
    word = _word(cell)
    return max(min(word, WORD), min((word + 1) // 2, HALF))


def _word(text: str) -> int:
    return max(map(cell_len, text.split()), default=0)


def _wrapped(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    console = Console()
    wraps = (Text(cell).wrap(console, width, overflow="fold") for cell, width in zip(line, widths, strict=True))
    # The first line of a cell keeps its indentation, which says that it belongs to the row above.
    cells = [[part.plain.rstrip() if number == 0 else part.plain.strip() for number, part in enumerate(parts)] for parts in wraps]
    height = max(map(len, cells))
    return [aligned([cell[row] if row < len(cell) else "" for cell in cells], widths) for row in range(height)]


def _short(cell: str) -> str:
    if not _TIME.fullmatch(cell):
        return cell
    at = datetime.fromisoformat(cell).astimezone()
    return f"{at:%d %b %H:%M}" if abs(time.time() - at.timestamp()) < RECENT else f"{at:%d %b %Y}"
