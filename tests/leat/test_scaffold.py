"""`leat source new`: what it writes can be checked at once."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from leat.cli import main
from leat.cli.exits import Exit


def new(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """The exit code, and all that was printed."""
    code = main(["source", "new", *words])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def checked(capsys: pytest.CaptureFixture[str], folder: Path) -> list[dict[str, Any]]:
    """The sample that `leat source check` gives."""
    assert main(["source", "check", str(folder), "--json"]) == Exit.DONE
    sample: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["parts"][0]["sample"]
    return sample


def test_a_plugin_with_python(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It has documents from the start, and nothing is written over."""
    assert new(capsys, str(tmp_path / "mine"))[0] == Exit.DONE

    assert checked(capsys, tmp_path / "mine") == [{"_id": "1", "name": "one"}, {"_id": "2", "name": "two"}]
    assert new(capsys, str(tmp_path / "mine"))[0] == Exit.REFUSED
    assert new(capsys, str(tmp_path / "1 2"))[0] == Exit.REFUSED


FILES: dict[str, tuple[str, str, list[str], dict[str, Any], dict[str, Any]]] = {
    "semicolons": (
        "x.csv",
        "Lake Name;depth;Zip;area;salty\nErie;64;007;25.7;FALSE\nAral;NA;012;3;True\n",
        [],
        {
            "id": "Lake Name",
            "delimiter": ";",
            "types": {"depth": "integer", "area": "number", "salty": "boolean"},
            "missing": ["NA"],
            "rename": {"Lake Name": "lake_name"},
        },
        {"_id": "Erie", "lake_name": "Erie", "depth": 64, "Zip": "007", "area": 25.7, "salty": False},
    ),
    "a template": (
        "x.tsv",
        "a\tb\n1\t2\n1\t3\n",
        ["--id", "{a}/{b}"],
        {"id": "{a}/{b}", "types": {"a": "integer", "b": "integer"}},
        {"_id": "1/2", "a": 1, "b": 2},
    ),
    "JSON lines": ("x.jsonl", '{"k": 5, "x": [1]}\n', ["--id", "k"], {"id": "k"}, {"_id": "5", "k": 5, "x": [1]}),
    "JSON lines that name their key themselves": (
        "x.ndjson",
        '{"taxon": {"a": 1}, "rank": "order", "code": 9}\n\n{"taxon": {}, "rank": "order", "code": "10", "é": 1}\n',
        [],
        {"id": "code"},
        {"_id": "9", "taxon": {"a": 1}, "rank": "order", "code": 9},
    ),
    "JSON with its list inside": (
        "x.json",
        '{"meta": {"n": 2, "tags": ["x"]}, "response": {"taxa": [{"key": "p"}, {"key": "q"}]}}',
        [],
        {"id": "key", "records": "response.taxa"},
        {"_id": "p", "key": "p"},
    ),
    "another ending": (
        "x.dat",
        "a\tb\n1\tx\n",
        [],
        {"id": "a", "format": "tsv", "files": "x.dat"},
        {"_id": "1", "a": "1", "b": "x"},
    ),
}


@pytest.mark.parametrize(("name", "content", "words", "parser", "first"), FILES.values(), ids=FILES.keys())
def test_a_plugin_of_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, content: str, words: list[str], parser: Any, first: Any
) -> None:
    """Delimiter, id, types, missing values and names of fields are suggested; identifiers with leading zeros stay text."""
    (tmp_path / name).write_text(content)

    assert new(capsys, str(tmp_path / "mine"), "--file", str(tmp_path / name), *words)[0] == Exit.DONE

    assert yaml.safe_load((tmp_path / "mine/manifest.yaml").read_text())["uploader"]["parser"] == parser
    assert checked(capsys, tmp_path / "mine")[0] == first


REFUSED = {
    "JSON without a list": ('{"a": {"b": [1, 2]}}', [], "x.json has no list of objects"),
    "broken JSON": ('[{"a": 1},', [], "x.json is no JSON: "),
    "no id": ("a,b\n1,2\n1,2\n", [], "no column has another value in each row"),
    "an unknown id": ("a,b\n1,2\n", ["--id", "c"], "has no column 'c'; it has a, b"),
    "another encoding": ("a,b\n1,\u00e9\n", ["--encoding", "ascii"], "byte 0xc3 is no ascii"),
    "an unknown encoding": ("a,b\n1,2\n", ["--encoding", "latin-99"], "the encoding 'latin-99' is not known"),
    "an unknown column of a template": ("a,b\n1,2\n", ["--id", "{a}{d}"], "has no column 'd'"),
    "nothing": ("", [], "it has no header: the file is empty"),
}


@pytest.mark.parametrize(("content", "words", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_file_that_can_not_be_taken(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str, words: list[str], said: str
) -> None:
    """It is told why, and nothing is written."""
    file = tmp_path / ("x.json" if "x.json" in said else "x.csv")
    file.write_text(content)

    code, told = new(capsys, str(tmp_path / "mine"), "--file", str(file), *words)

    assert code == (Exit.USAGE if "not known" in said else Exit.REFUSED)
    assert said in told
    assert not (tmp_path / "mine").exists()
