"""Tables on terminals and elsewhere."""

import re
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from leat.cli.output import table
from leat.cli.terminal import fitted

ID = "0193e1f2-77aa-7b11-8c00-9a4e5f6a7b8c"
TEXTS = st.text(st.characters(codec="utf-8", categories=["Ll", "Lu", "Lo", "Nd"]), max_size=60)
"""Letters of every script, those that are two columns wide too."""


@given(st.lists(st.lists(TEXTS, min_size=4, max_size=4), min_size=1, max_size=5), st.integers(40, 200))
def test_no_line_is_wider_than_the_terminal(rows: list[list[str]], columns: int) -> None:
    """Whatever stands in the cells; and every character of it is still there."""
    titles = ["NAME", "CREATED AT", "FAILURE", "LAST"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        shown = fitted([titles, *rows])

    assert max(map(cell_len, shown)) <= columns
    characters = sorted(re.sub(r"\s", "", "".join(shown)))
    cells = "".join(cell for row in rows for cell in row)
    as_records = shown[0].split()[:2] != titles[0].split() + titles[1].split()[:1]
    assert characters == sorted(re.sub(r"\s", "", cells + "".join(titles) * (len(rows) if as_records else 1)))


@pytest.mark.parametrize("columns", [60, 70, 80, 100])
def test_words_stay_whole_where_people_copy_or_read_them(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """Identifiers, titles and short words are never broken, however narrow the terminal."""
    monkeypatch.setenv("COLUMNS", str(columns))
    row = [ID, "upload:peaks", "SUCCEEDED", "1,204 documents, release 2026-11-25.2", "2026-11-25T10:11:15.000Z"]

    shown = "\n".join(fitted([["JOB", "STEP", "STATE", "PROGRESS", "CREATED AT"], row]))

    assert {ID, "SUCCEEDED", "PROGRESS", "CREATED", "1,204", "release"} <= set(shown.split())


def test_what_is_too_tall_as_a_table_has_a_line_for_each_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of a column of single words."""
    monkeypatch.setenv("COLUMNS", "58")
    rows = [
        [f"schedule-{n}", "30 2 * * *", "Europe/Berlin", f"run {ID} failed: upload:bad: KeyError: 'no such column'"] for n in (1, 2)
    ]

    shown = fitted([["NAME", "CRON", "TIMEZONE", "FAILURE"], *rows])

    assert shown[:3] == ["NAME      schedule-1", "CRON      30 2 * * *", "TIMEZONE  Europe/Berlin"]
    assert shown.count("") == 1
    assert "NAME      schedule-2" in shown


def test_wide_characters_stand_under_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    """A column begins at the same place of each line, whatever the cells before it are written in."""
    table([{"name": name, "state": "x"} for name in ("漢字", "Ærøskøbing", "한국어 자료")], ("name", "state"))

    title, *lines = capsys.readouterr().out.splitlines()
    assert {cell_len(line.removesuffix("x")) for line in lines} == {cell_len(title.removesuffix("STATE"))}


def test_rows_that_belong_to_one_above_stay_indented(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the children of a worker do, on a terminal too."""
    monkeypatch.setenv("COLUMNS", "60")

    assert fitted([["PROCESS", "MIB"], ["hub.71", "90"], ["  inspect 72", "41"]])[2] == "  inspect 72  41"


def test_times_are_short_on_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    """In local time; those of another year without their hour."""
    monkeypatch.setenv("COLUMNS", "80")
    now, long_ago = datetime.now(UTC), datetime.now(UTC) - timedelta(days=700)
    times = [at.isoformat(timespec="milliseconds").replace("+00:00", "Z") for at in (now, long_ago)]

    line = fitted([["NEXT", "LAST"], times])[1]

    assert line == f"{now.astimezone():%d %b %H:%M}  {long_ago.astimezone():%d %b %Y}"


def test_what_is_piped_is_whole(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row on one line, however long, with its times as they are, and without what would end a line or move the cursor; a
    terminal of the same width gets several lines."""
    monkeypatch.setenv("COLUMNS", "50")
    row = {"name": "n\r\x1b[2J", "text": "word\n" * 30 + "end", "createdAt": "2026-11-25T09:01:23.000Z"}

    table([row], ("name", "text", "createdAt"))
    piped = capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    table([row], ("name", "text", "createdAt"))
    shown = capsys.readouterr().out

    assert piped.splitlines()[1] == f"n [2J  {'word ' * 30}end  2026-11-25T09:01:23.000Z"
    assert max(map(len, shown.splitlines())) <= 50
    assert shown.split().count("word") == 30
