"""`leat build gates`: how shares and counts are written."""

from argparse import ArgumentParser
from typing import Any

import pytest

from leat.cli import gates
from leat.cli.session import subcommands


def parsed(*words: str) -> Any:
    """The flags of these words."""
    parser = ArgumentParser()
    gates.define(subcommands(parser), "build")
    return parser.parse_args(["gates", "genes", *words])


@pytest.mark.parametrize(("text", "share"), [("0", 0.0), ("0.25", 0.25), ("1", 1.0), ("5%", 0.05), ("100%", 1.0), ("12.5%", 0.125)])
def test_a_share_is_a_number_or_a_percentage(text: str, share: float) -> None:
    """Both mean the same, of all and of one field."""
    assert parsed("--lost", text).lost == share
    assert parsed("--field-lost", f"a.b={text}").field_lost == [{"path": "a.b", "lost": share}]


@pytest.mark.parametrize(
    ("count", "least", "most"),
    [("5", 5, 5), ("0", 0, 0), ("5..", 5, None), ("..9", 0, 9), ("5..9", 5, 9), ("700..", 700, None)],
)
def test_a_count_is_a_number_or_a_range(count: str, least: int, most: int | None) -> None:
    """Several queries may be asked for."""
    flags = parsed("--query", "a:1", count, "--query", "b:2", "1..")

    assert flags.query == [{"query": "a:1", "least": least, "most": most}, {"query": "b:2", "least": 1, "most": None}]


@pytest.mark.parametrize(
    "words",
    [
        ("--lost", "10"),
        ("--lost", "-1"),
        ("--lost", "nan"),
        ("--lost", "120%"),
        ("--field-lost", "a"),
        ("--field-lost", "=0.5"),
        ("--query", "a:1", ".."),
        ("--query", "a:1", "many"),
        ("--query", "a:1", "5-9"),
        ("--query", "a:1", ""),
    ],
)
def test_what_is_neither_is_wrong_usage(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """With the command's usage, and what was written."""
    with pytest.raises(SystemExit) as ended:
        parsed(*words)

    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err
