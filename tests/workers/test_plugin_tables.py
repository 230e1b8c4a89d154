"""Tables that are read without code: whatever csv can write is read back, and what is wrong is told with its place."""

import csv
import gzip
import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.plugin.host.files.reading import documents
from workers.plugin.host.files.refusal import FileRefused


def read(folder: Path, content: str | bytes, name: str = "rows.tsv", **options: Any) -> list[dict[str, Any]]:
    """The documents of one file."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(documents(str(folder), [name], **options))


READ: dict[str, tuple[str | bytes, str, dict[str, Any], list[dict[str, Any]]]] = {
    "plain": ("id\tx\nq1\ta b\n", "rows.tsv", {"id": "id"}, [{"_id": "q1", "id": "q1", "x": "a b"}]),
    "an _id of its own": ("_id,x\nq1,2\n", "rows.csv", {}, [{"_id": "q1", "x": "2"}]),
    "types": (
        "_id,i,n,b\nq,-07,1e3,Yes\n",
        "r.csv",
        {"types": {"i": "integer", "n": "number", "b": "boolean"}},
        [{"_id": "q", "i": -7, "n": 1000.0, "b": True}],
    ),
    "missing": (
        "_id,i,x\nq,NA,\nr,3,NA\n",
        "r.csv",
        {"types": {"i": "integer"}, "missing": ["NA"]},
        [{"_id": "q"}, {"_id": "r", "i": 3}],
    ),
    "lists": (
        "_id,l,m\nq,a| b |,1;2\nr,,NA\n",
        "r.csv",
        {"lists": {"l": "|", "m": ";"}, "types": {"m": "integer"}, "missing": ["NA"]},
        [{"_id": "q", "l": ["a", "b"], "m": [1, 2]}, {"_id": "r"}],
    ),
    "renamed and nested": (
        "_id,a b,c,d\nq,1,2,\nr,,,3\n",
        "r.csv",
        {"rename": {"a b": "x.y", "c": "x.z.w"}},
        [{"_id": "q", "x": {"y": "1", "z": {"w": "2"}}}, {"_id": "r", "d": "3"}],
    ),
    "a dot nests": ("_id,x.y\nq,1\n", "r.csv", {}, [{"_id": "q", "x": {"y": "1"}}]),
    "composed": ("c,p\n7,12\n", "r.csv", {"id": "chr{c}:g.{p}", "drop": ["c"]}, [{"_id": "chr7:g.12", "p": "12"}]),
    "joined": ("c,p\n7,12\n", "r.csv", {"id": ["p", "c"], "only": ["c"]}, [{"_id": "12_7", "c": "7"}]),
    "no header": ("q\t1\n", "r.tsv", {"columns": ["_id", "x"]}, [{"_id": "q", "x": "1"}]),
    "another header": ("a,a\nq,1\n", "r.csv", {"columns": ["_id", "x"], "header": True}, [{"_id": "q", "x": "1"}]),
    "comments": ("#!v1\n#_id\nq\n#end\nr\n", "r.tsv", {"comment": "#", "header": "comment"}, [{"_id": "q"}, {"_id": "r"}]),
    "skipped": ("made by hand\n\n_id;x\nq;1\n\n", "r.csv", {"skip": 1, "delimiter": ";"}, [{"_id": "q", "x": "1"}]),
    "quotes": ('_id,x\nq,"a, ""b""\nc"\n', "r.csv", {}, [{"_id": "q", "x": 'a, "b"\nc'}]),
    "no quotes in TSV": ('_id\tx\nq\t"5\n', "r.tsv", {}, [{"_id": "q", "x": '"5'}]),
    "quotes in TSV": ('_id\tx\nq\t"5\t6"\n', "r.tsv", {"quote": '"'}, [{"_id": "q", "x": "5\t6"}]),
    "line ends of others": ("_id\tx\r\nq\t1\rr\t2\r\n", "r.tsv", {}, [{"_id": "q", "x": "1"}, {"_id": "r", "x": "2"}]),
    "a byte order mark": (b"\xef\xbb\xbf_id,x\nq,1\n", "r.csv", {}, [{"_id": "q", "x": "1"}]),
    "white space": ("_id , x\n q , NA\n", "r.csv", {"strip": True, "missing": ["NA"]}, [{"_id": "q"}]),
    "packed": (gzip.compress(b"_id\tx\nq\t1\n"), "r.tsv.gz", {}, [{"_id": "q", "x": "1"}]),
    "packed under another name": (gzip.compress(b"_id\tx\nq\t1\n"), "r.tsv", {}, [{"_id": "q", "x": "1"}]),
    "only a header": ("_id\tx\n", "r.tsv", {}, []),
}  # fmt: skip


@pytest.mark.parametrize(("content", "name", "options", "expected"), READ.values(), ids=READ.keys())
def test_what_a_table_gives(
    tmp_path: Path, content: str | bytes, name: str, options: dict[str, Any], expected: list[dict[str, Any]]
) -> None:
    """Each key of a parser does what docs/plugins.md says of it."""
    assert read(tmp_path, content, name, **options) == expected


REFUSED: dict[str, tuple[str | bytes, dict[str, Any], str]] = {
    "too short": ("_id,x,y\nq,1,2\n\nr,1\n", {}, "r.csv, line 4: 2 values for 3 columns: 'y' has none; mend .*`delimiter`"),
    "too long": ("_id,x\nq,1,2\n", {}, "r.csv, line 2: 3 values for 2 columns: '2' is behind the last"),
    "no integer": (
        "_id,x\nq,1\n" + "#c\n" + 'r,"1\n2"\n' + "s,1.0\n",
        {"types": {"x": "integer"}, "comment": "#"},
        "r.csv, line 4, column x: '1\\\\n2' is no integer of 64 bits: mend it, change the column's `types`, or add it to `missing`",
    ),
    "an integer of Python": ("_id,x\nq,1_0\n", {"types": {"x": "integer"}}, "line 2, column x: '1_0' is no integer"),
    "an integer too large": ("_id,x\nq,9223372036854775808\n", {"types": {"x": "integer"}}, "column x: '9223372036854775808'"),
    "no number": ("_id,x\nq,1\nr,Infinity\n", {"types": {"x": "number"}}, "line 3, column x: 'Infinity' is no finite number"),
    "no boolean": ("_id,x\nq,maybe\n", {"types": {"x": "boolean"}}, "line 2, column x: 'maybe' is no boolean"),
    "within a list": ("_id,x\nq,1;b\n", {"types": {"x": "integer"}, "lists": {"x": ";"}}, "line 2, column x: 'b' is no integer"),
    "a name twice": ("_id,x,y,x\nq,1,2,3\n", {}, r"the header names 'x' twice \(columns 2 and 4\); name all columns in `columns`"),
    "a column without a name": ("_id,,y\nq,1,2\n", {}, "no name for column 2"),
    "one name too many": ("_id,y\nq,1\n", {"columns": ["_id"], "header": True}, "the header names 2 columns, .*`columns` 1"),
    "empty": ("", {}, "r.csv: it has no header: the file is empty"),
    "no such column": ("_id,x\nq,1\n", {"types": {"y": "integer"}}, "r.csv: `types` names the column 'y'; there are _id, x"),
    "no id": ("a,x\nq,1\n", {}, "r.csv: no `id` is named and there is no column `_id`; there are a, x"),
    "another id": ("a,x\nq,1\n", {"id": "b"}, "r.csv: `id` names the column 'b'; there are a, x"),
    "an empty id": ("_id,x\nq,1\n,2\n", {}, "r.csv, line 3, column _id: no value, and `_id` is made of it"),
    "two at one path": ("_id,x,x.y\nq,1,2\n", {}, "the columns 'x' and 'x.y' would both be at x.y: add one"),
    "no name of a field": ("_id,No.\nq,1\n", {}, "the column 'No.' can't be a field's name: add it to `rename`"),
    "an open quote": ('_id,x\nq,1\nr,"2\ns,3\n', {}, "r.csv, line 3: unexpected end of data; .* `quote: false`"),
    "a quote within": ('_id,x\nq,"1"2\n', {}, "r.csv, line 2: ',' expected after '\"'"),
    "another encoding": ("_id,x\nq,1\nr,caf\u00e9\n".encode("latin-1"), {}, "r.csv, line 3, column 6: byte 0xe9"),
    "utf-8 in ascii": ("_id,x\nq,\u00e9\n", {"encoding": "ascii"}, r"r.csv, line 2, column 3: byte 0xc3 is no ascii; is that"),
    "half a letter of utf-16": ("_id,x\nq,1\n".encode("utf-16") + b"a", {"encoding": "utf-16"}, "line 3, column 1: .* no utf-16"),
    "a mark of utf-16": ("_id,x\nq,1\n".encode("utf-16"), {}, "the byte order mark of utf-16, .*: add `encoding: utf-16`"),
    "a mark in latin-1": ("\ufeff_id,x\nq,1\n", {"encoding": "latin-1"}, "mark of utf-8, .* as latin-1: add `encoding: utf-8`"),
    "NUL": ("_id,x\nq,1\nrr,\0\n", {}, r"r.csv, line 3, column 4: a NUL byte; .*`encoding: utf-16`"),
    "half of a gzip": (gzip.compress(b"_id,x\nq,1\n" * 99)[:-20], {}, "r.csv: its gzip data end early or are damaged"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "options", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_is_told_with_its_place(tmp_path: Path, content: str | bytes, options: dict[str, Any], said: str) -> None:
    """File, line and column, and what to do."""
    with pytest.raises(FileRefused, match=said):
        read(tmp_path, content, "r.csv", **options)


def test_places_behind_many_rows(tmp_path: Path) -> None:
    """A row is found again behind batches, blocks of bytes, comments, empty lines and values of several lines."""
    rows = "".join(f'# one\n\n{number},"two\nlines"\n' for number in range(30_000))

    with pytest.raises(FileRefused, match=r"line 120002: 1 value for 2 columns"):
        read(tmp_path, f"_id,x\n{rows}last\n", "r.csv", comment="#")
    with pytest.raises(FileRefused, match=r"line 120002, column 3: byte 0xff"):
        read(tmp_path, f"_id,x\n{rows}la".encode() + b"\xff,1\n", "r.csv", comment="#")


CHOICES: dict[str, tuple[list[str], dict[str, Any], str]] = {
    "none fits": (["a.txt", "b.zip"], {}, "none of a.txt, b.zip is known by its name; Name it"),
    "several fit": (["a.tsv", "b.csv"], {}, "which of a.tsv, b.csv is meant?"),
    "none of the name": (["a.tsv"], {"files": ["*.csv"]}, r"the dump has no \*.csv; it has a.tsv"),
    "no format": (["a.txt"], {"files": ["a.txt"]}, "a.txt: its name does not say what it is; add `format`"),
}


@pytest.mark.parametrize(("names", "options", "said"), CHOICES.values(), ids=CHOICES.keys())
def test_a_file_that_is_not_clear(tmp_path: Path, names: list[str], options: dict[str, Any], said: str) -> None:
    """Nobody guesses which file was meant: what there is, is told."""
    for name in names:
        (tmp_path / name).write_text("_id\nq\n")

    with pytest.raises(FileRefused, match=said):
        list(documents(str(tmp_path), **options))


def test_files_that_are_clear(tmp_path: Path) -> None:
    """The one file that fits is taken, unpacked rather than packed; patterns reach into folders, and each file is read once."""
    (tmp_path / "below").mkdir()
    for name in ("below/b.tsv", "README.txt"):
        (tmp_path / name).write_text("_id\tx\nb\t1\n")
    (tmp_path / "below/b.tsv.gz").write_bytes(gzip.compress(b"_id\tx\nb\t1\n"))

    assert [each["_id"] for each in documents(str(tmp_path))] == ["b"]
    (tmp_path / "a.tsv").write_text("_id\tx\na\t1\n")
    assert [each["_id"] for each in documents(str(tmp_path), ["a.tsv", "*.tsv"])] == ["a", "b"]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5).filter(lambda name: name != "key")
TABLES = st.integers(1, 5).flatmap(
    lambda width: st.tuples(
        st.lists(
            st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5), min_size=width, max_size=width, unique=True
        ),
        st.lists(st.lists(TEXTS, min_size=width, max_size=width), max_size=8),
    )
)


@given(
    table=TABLES,
    delimiter=st.sampled_from(",;\t|~"),
    quote=st.sampled_from("\"'"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "gb18030"]),
    style=st.sampled_from([(csv.QUOTE_MINIMAL, "\r\n"), (csv.QUOTE_ALL, "\n"), (csv.QUOTE_NONNUMERIC, "\r\n")]),
)
def test_what_csv_writes_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    table: tuple[list[str], list[list[str]]],
    delimiter: str,
    quote: str,
    encoding: str,
    style: tuple[Any, str],
) -> None:
    """Every value comes back as it was, whatever letters, quotes and line ends are in it; empty ones are no values."""
    names, rows = table
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, quotechar=quote, quoting=style[0], lineterminator=style[1])
    writer.writerows([["key", *names], *([f"k{number}", *row] for number, row in enumerate(rows))])

    found = read(
        tmp_path_factory.mktemp("rows") / "data",
        written.getvalue().encode(encoding),
        "r.csv",
        id="key",
        drop=["key"],
        delimiter=delimiter,
        quote=quote,
        encoding=encoding,
        rename={name: f"f{number}" for number, name in enumerate(names)},
    )

    fields = [{f"f{number}": value for number, value in enumerate(row) if value} for row in rows]
    assert found == [{"_id": f"k{number}", **each} for number, each in enumerate(fields)]


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1) | st.none(), NUMBERS | st.none()), min_size=1))
def test_numbers_come_back_exactly(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int | None, float | None]]) -> None:
    """By their shortest text, every integer of 64 bits and every double; a missing one leaves no key."""
    lines = "".join(f"k\t{'NA' if i is None else i}\t{'' if n is None else n}\n" for i, n in rows)

    types = {"i": "integer", "n": "number"}
    found = read(tmp_path_factory.mktemp("rows"), f"_id\ti\tn\n{lines}", types=types, missing=["NA"])

    assert found == [{"_id": "k"} | {key: value for key, value in (("i", i), ("n", n)) if value is not None} for i, n in rows]


@given(st.binary(max_size=60), st.sampled_from(["utf-8", "latin-1", "utf-16", "shift_jis"]), st.booleans())
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, encoding: str, quotes: bool
) -> None:
    """No file ends in another error than one that names it."""
    with suppress(FileRefused):
        found = read(tmp_path_factory.mktemp("rows"), content, "r.csv", encoding=encoding, quote=quotes, columns=["_id", "x"])

        assert all(document["_id"] for document in found)
