"""Files of JSON that are read without code, in the plugin's process too."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import JobFailed
from tests.workers.parsing import parse, uploading
from workers.plugin.host.files.reading import documents
from workers.plugin.host.files.refusal import FileRefused

READ: dict[str, tuple[str, str, dict[str, Any], list[dict[str, Any]]]] = {
    "lines": ('{"_id":"q","x":[1]}\n\n{"_id":"r"}\n', "r.jsonl", {}, [{"_id": "q", "x": [1]}, {"_id": "r"}]),
    "a list": ('[{"k":7,\n"x":null}]', "r.json", {"id": "k"}, [{"_id": "7", "k": 7, "x": None}]),
    "below a path": ('{"a":{"b":[{"_id":"q"}]}}', "r.json", {"records": "a.b"}, [{"_id": "q"}]),
    "an id within": ('{"a":{"b":"z"},"n":1}\n', "r.ndjson", {"id": "{a.b}-{n}", "drop": ["a"]}, [{"_id": "z-1", "n": 1}]),
    "converted": (
        '{"_id":"q","i":"12","l":"a;b","m":"NA","n":3}\n',
        "r.jsonl",
        {"types": {"i": "integer", "n": "integer"}, "lists": {"l": ";"}, "missing": ["NA"], "rename": {"i": "x.i"}},
        [{"_id": "q", "x": {"i": 12}, "l": ["a", "b"], "n": 3}],
    ),
    "only": ('{"_id":"q","a.b":"","c":2}\n', "r.jsonl", {"only": ["a.b"]}, [{"_id": "q", "a.b": ""}]),
}


@pytest.mark.parametrize(("content", "name", "options", "expected"), READ.values(), ids=READ.keys())
def test_what_records_give(
    tmp_path: Path, content: str, name: str, options: dict[str, Any], expected: list[dict[str, Any]]
) -> None:
    """Each key of a parser does for JSON what docs/plugins.md says of it."""
    (tmp_path / name).write_text(content)

    assert list(documents(str(tmp_path), [name], **options)) == expected


REFUSED: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "no JSON": ('{"_id":"q"}\n{"_id":q}\n', "r.jsonl", {}, "r.jsonl, line 2, column 8: "),
    "many lines": ('[\n{"_id":"q"}]\n', "r.jsonl", {}, "line 1, .* add `format: json`"),
    "many values": ('{"_id":"q"}\n{"_id":"r"}\n', "r.json", {}, "r.json, line 2, column 1: .* add `format: jsonl`"),
    "no object": ('{"_id":"q"}\n[1]\n', "r.jsonl", {}, "r.jsonl, line 2: a record is an object, this is a list"),
    "no list": (
        '{"hits":[]}',
        "r.json",
        {},
        "the file is no list of records but an object; .* has hits",
    ),
    "nothing at the path": ('{"hits":[]}', "r.json", {"records": "hit"}, "nothing at `records: hit`"),
    "no id": ('{"_id":"q"}\n{"x":1}\n', "r.jsonl", {}, "r.jsonl, line 2, key _id: .* there is none"),
    "an id that is no text": ('[{"k":"q"},{"k":1.5}]', "r.json", {"id": "k"}, "r.json, record 2, key k: .* it is 1.5"),
    "no integer": ('{"_id":"q","x":"1,5"}\n', "r.jsonl", {"types": {"x": "integer"}}, "line 1, key x: '1,5' is no integer"),
    "another type": ('{"_id":"q","x":[1,true]}\n', "r.jsonl", {"types": {"x": "integer"}}, "line 1, key x: 'true' is no integer"),
    "another encoding": (
        '{"_id":"\u00e9"}\n',
        "r.jsonl",
        {"encoding": "ascii"},
        "line 1, column 9: byte 0xc3 is no ascii",
    ),
    "two at one path": ('{"_id":"q","x":1,"y":2}\n', "r.jsonl", {"rename": {"y": "x.y"}}, "would both be at x.y"),
}


@pytest.mark.parametrize(("content", "name", "options", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_is_told_with_its_place(
    tmp_path: Path, content: str, name: str, options: dict[str, Any], said: str
) -> None:
    """File, line or record, and key, and what to do."""
    (tmp_path / name).write_text(content)

    with pytest.raises(FileRefused, match=said):
        list(documents(str(tmp_path), [name], **options))


LETTERS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | LETTERS,
    lambda inner: st.lists(inner) | st.dictionaries(LETTERS, inner),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(LETTERS, VALUES, max_size=4)), st.booleans())
def test_any_json_is_read_as_it_is(tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]], lines: bool) -> None:
    """Values come back as they were, in either form, whether other programs escape letters or not."""
    folder = tmp_path_factory.mktemp("records")
    expected = [{**record, "_id": f"k{number}"} for number, record in enumerate(records)]
    text = "\n".join(map(json.dumps, expected)) if lines else json.dumps(expected, ensure_ascii=False, indent=1)
    (folder / "r.json").write_text(text)

    assert list(documents(str(folder), format="jsonl" if lines else "json")) == expected


async def test_a_plugin_without_code(tmp_path: Path) -> None:
    """A folder with a manifest alone is a plugin: its documents leave the process as a parser's do, and errors name the file."""
    parser = {"id": "{chrom}:{at}", "types": {"at": "integer"}, "drop": ["chrom"]}
    manifest = uploading(parser=parser)

    tried = await parse(tmp_path / "good", {"manifest.json": manifest}, {"a.tsv": "chrom\tat\n7\t12\n"})
    with pytest.raises(JobFailed, match=r"^a\.tsv, line 3, column at: 'x' is no integer") as caught:
        await parse(tmp_path / "bad", {"manifest.json": manifest}, {"a.tsv": "chrom\tat\n7\t12\n7\tx\n"})

    assert tried.documents == [{"_id": "7:12", "at": 12}]
    assert (caught.value.code, caught.value.detail) == ("FILE_INVALID", "")
