"""Tables on terminals and elsewhere."""

import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leat.cli.output import table
from leat.cli.terminal import NARROWEST, fitted

TEXTS = st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=60)


@given(st.lists(st.lists(TEXTS, min_size=4, max_size=4), min_size=1, max_size=5), st.integers(40, 200))
def test_no_line_is_wider_than_the_terminal(lines: list[list[str]], columns: int) -> None:
    """Whatever stands in the cells; and every character of it is still there, in its column."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        shown = fitted(lines)

    widths = [max(map(len, cells)) for cells in zip(*shown, strict=True)]
    assert sum(widths) + 2 * (len(widths) - 1) <= columns
    for column in range(4):
        assert "".join(line[column] for line in shown) == "".join(line[column] for line in lines)


def test_what_rows_are_named_by_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first column is made narrower only where no other one can be."""
    monkeypatch.setenv("COLUMNS", "60")
    name = "0193e1f2-77aa-7b11-8c00-9a4e5f6a7b8c"

    shown = fitted([["JOB", "STEP", "PROGRESS"], [name, "upload:a-source-with-a-name", "the third column: it can't be read"]])

    assert shown[1][0] == name
    assert max(len(line[1]) for line in shown) >= NARROWEST


def test_times_are_short_on_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    """In local time; those of another year without their hour."""
    monkeypatch.setenv("COLUMNS", "80")
    now, long_ago = datetime.now(UTC), datetime.now(UTC) - timedelta(days=700)
    [[recent, old]] = fitted([[at.isoformat(timespec="milliseconds").replace("+00:00", "Z") for at in (now, long_ago)]])

    assert recent == now.astimezone().strftime("%d %b %H:%M")
    assert old == long_ago.astimezone().strftime("%d %b %Y")


def test_what_is_piped_is_whole(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row on one line, however long, with its times as they are; a terminal of the same width gets several lines."""
    monkeypatch.setenv("COLUMNS", "50")
    row = {"name": "n", "text": "word " * 30 + "end", "createdAt": "2026-11-25T09:01:23.000Z"}

    table([row], ("name", "text", "createdAt"))
    piped = capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    table([row], ("name", "text", "createdAt"))
    shown = capsys.readouterr().out

    assert piped.splitlines()[1] == f"n     {row['text']}  2026-11-25T09:01:23.000Z"
    assert max(map(len, shown.splitlines())) <= 50
    assert shown.split().count("word") == 30
