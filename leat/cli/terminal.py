"""Tables that fit a terminal: short times, and wide cells on several lines."""

import re
import shutil
import textwrap
import time
from collections.abc import Sequence
from datetime import datetime

GAP = 2
"""Columns of the terminal between two cells."""
NARROWEST = 6
"""Characters that a cell keeps."""
RECENT = 300 * 86_400
"""Seconds for which a time is shown by its hour, and afterwards by its year, as `ls` does."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)")


def fitted(table: Sequence[Sequence[str]]) -> list[list[str]]:
    """The table's lines, the first of them its titles, as lines that are no wider than the terminal. The first column is what rows
    are named by, and is the last one to be made narrower."""
    short = [[_short(cell) for cell in line] for line in table]
    widths = _widths([max(map(len, cells)) for cells in zip(*short, strict=True)])
    return [part for line in short for part in _wrapped(line, widths)]


def _widths(wanted: Sequence[int]) -> list[int]:
    widths = list(wanted)
    room = shutil.get_terminal_size().columns - GAP * (len(widths) - 1)
    while sum(widths) > room:
        others = [index for index in range(1, len(widths)) if widths[index] > NARROWEST]
        widest = max(others, key=widths.__getitem__, default=0)
        if widths[widest] <= NARROWEST:
            break
        widths[widest] -= 1
    return widths


def _wrapped(line: Sequence[str], widths: Sequence[int]) -> list[list[str]]:
    cells = [textwrap.wrap(cell, max(width, 1)) or [""] for cell, width in zip(line, widths, strict=True)]
    height = max(map(len, cells))
    return [[cell[row] if row < len(cell) else "" for cell in cells] for row in range(height)]


def _short(cell: str) -> str:
    if not _TIME.fullmatch(cell):
        return cell
    at = datetime.fromisoformat(cell).astimezone()
    return f"{at:%d %b %H:%M}" if abs(time.time() - at.timestamp()) < RECENT else f"{at:%d %b %Y}"
