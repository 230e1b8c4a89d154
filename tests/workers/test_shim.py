"""What stands in for the SDK within a plugin's process, function by function and as whole plugins use it."""

import gzip
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import pytest

from domain.errors import JobFailed
from tests.workers.parsing import parse, uploading
from workers.plugin.shim.biothings.hub.dataload.data_parsers import load_obo
from workers.plugin.shim.biothings.utils import common, dataload, hgvs, parsers

SWEPT: list[tuple[Any, dict[str, Any], Any]] = [
    ({"a": "-", "b": "x", "c": "NA", "d": {"e": "."}, "f": []}, {}, {"b": "x"}),
    ({"a": {"b": {"c": "unknown", "d": 1}}}, {}, {"a": {"b": {"d": 1}}}),
    ({"a": None, "b": 0, "c": False}, {"vals": [None]}, {"b": 0, "c": False}),
    ({"a": ["-", "x", {"b": "NA"}]}, {}, {"a": ["x", {}]}),
    ({"a": [None, None]}, {"vals": [None]}, {"a": [None]}),
    ({"a": [None, None], "b": [None, 1, None]}, {"vals": [None], "remove_invalid_list": True}, {"b": [1]}),
    ({"a": math.nan, "b": 1}, {"vals": [math.nan]}, {"b": 1}),
]


@pytest.mark.parametrize(("document", "arguments", "swept"), SWEPT)
def test_dict_sweep(document: Any, arguments: dict[str, Any], swept: Any) -> None:
    """Empty values go at any depth, in place, with what that empties."""
    result = dataload.dict_sweep(document, **arguments)
    assert result is document
    assert result == swept


def test_unlist() -> None:
    """Lists of one item are opened at any depth."""
    document = {"a": [1], "b": [{"c": ["x"]}, {"c": ["y", "z"]}], "d": [[2]], "e": {"f": [{"g": [3]}]}}
    assert dataload.unlist(document) == {"a": 1, "b": [{"c": "x"}, {"c": ["y", "z"]}], "d": [2], "e": {"f": {"g": 3}}}


def test_unlist_of_some_paths() -> None:
    """Only what is included, or all but what is excluded."""
    assert dataload.unlist_incexcl({"a": [1], "b": {"c": [2]}}, include_keys=["b.c"]) == {"a": [1], "b": {"c": 2}}
    assert dataload.unlist_incexcl({"a": [1], "b": {"c": [2]}}, exclude_keys=["b.c"]) == {"a": 1, "b": {"c": [2]}}


def test_numbers() -> None:
    """Text becomes a number where it is one; what no store takes stays text."""
    document = {"a": "1", "b": "1.5", "c": "x", "d": ["2", {"e": "3e2"}], "id": "007", "n": None, "nan": "nan", "f": 2.7}
    expected = {"a": 1, "b": 1.5, "c": "x", "d": [2, {"e": 300.0}], "id": "007", "n": None, "nan": "nan", "f": 2.7}
    assert dataload.value_convert_to_number(document, skipped_keys=["id"]) == expected
    nested: dict[str, Any] = {"id": {"start": "1"}, "pairs": [["1", "2"], ("3",)], "once": ("4", "x")}
    converted = {"id": {"start": 1}, "pairs": [["1", "2"], ("3",)], "once": (4, "x")}
    assert dataload.value_convert_to_number(nested, ["id"]) == converted
    assert [dataload.to_float(each) for each in ("1", 1, None)] == [1.0, 1, None]
    assert isinstance(dataload.to_float(1), int)
    assert [dataload.safe_type(int, each) for each in ("1", "x", 1.5)] == [1, "x", 1.5]


def test_numbers_at_some_paths() -> None:
    """Only what is included, or all but what is excluded; lists item by item."""
    assert dataload.float_convert({"a": "1", "b": {"c": ["2", "x"]}}, include_keys=["b.c"]) == {"a": "1", "b": {"c": [2.0, "x"]}}
    assert dataload.int_convert({"a": "1", "b": {"c": "2"}}, exclude_keys=["b.c"]) == {"a": 1, "b": {"c": "2"}}


def test_booleans() -> None:
    """Known spellings, else None; what is no text is what Python takes it for."""
    assert [dataload.to_boolean(each) for each in ("true", "1", "Yes", 1, True, 2.0, ["x"])] == [True] * 7
    assert [dataload.to_boolean(each) for each in ("false", "0", "N", 0, False, None, [])] == [False] * 7
    assert dataload.to_boolean("maybe") is None
    assert dataload.to_boolean("TRUE", true_str=["TRUE"], false_str=["FALSE"]) is True


def test_booleans_at_some_paths() -> None:
    """In lists item by item, in dicts of lists too; a path may begin in any dict."""
    document: dict[str, Any] = {"x": "yes", "y": {"x": "no"}, "a": {"b": ["1", "0"]}, "l": [{"b": "t"}], "n": "1"}
    expected = {"x": True, "y": {"x": False}, "a": {"b": [True, False]}, "l": [{"b": True}], "n": "1"}
    assert dataload.boolean_convert(document, ["x", "a.b", "l.b"]) == expected


def test_dicts_in_another_shape() -> None:
    """Keys and values converted at one level, traversed at all, rows folded."""
    assert dataload.dict_convert({"A B": 1}, keyfn=lambda key: key.replace(" ", "_").lower()) == {"a_b": 1}
    document = {"A": {"B": "1"}}
    dataload.dict_traverse(document, lambda key, value: (key.lower(), int(value) if isinstance(value, str) else value))
    assert document == {"a": {"b": 1}}
    rows = [{"_id": "x", "db": {"g": "1", "h": "a"}}, {"_id": "x", "db": {"g": "2", "h": "a"}}]
    assert dataload.merge_duplicate_rows(rows, "db") == {"_id": "x", "db": {"g": ["1", "2"], "h": "a"}}
    again: list[dict[str, Any]] = [{"db": {"g": value}} for value in ("1", "2", "1", ["3"])]
    assert dataload.merge_duplicate_rows(again, "db") == {"db": {"g": ["1", "2", "1", ["3"]]}}
    assert dataload.dict_walk({"A": [{"B": 1}], "C": {"D": 2}}, str.lower) == {"a": [{"B": 1}], "c": {"d": 2}}


MERGED: list[tuple[Any, Any, Any]] = [
    ([1, 2], [2, 3], [1, 2, 3]),
    ([1], 2, [1, 2]),
    (2, [1], [1, 2]),
    (1, 1, 1),
    (1, 2, [1, 2]),
    ({"a": 1}, {"a": 2, "b": 3}, {"a": [1, 2], "b": 3}),
    ({"a": 1}, [{"b": 2}], [{"b": 2}, {"a": 1}]),
]


@pytest.mark.parametrize(("one", "other", "merged"), MERGED)
def test_merge_struct(one: Any, other: Any, merged: Any) -> None:
    """The SDK's table, without what it loses."""
    assert dataload.merge_struct(one, other) == merged


def test_merge_struct_with_options() -> None:
    """Fields kept as lists of objects; keys included and excluded."""
    assert dataload.merge_struct({"x": {"a": 1}}, {"x": {"a": 2}}, aslistofdict="x") == {"x": [{"a": 1}, {"a": 2}]}
    assert dataload.merge_struct({}, {"a": 1, "b": 2}, include=["a"]) == {"a": 1}
    assert dataload.merge_struct({}, {"a": 1, "b": 2}, exclude=["a"]) == {"b": 2}


def test_files_are_opened_however_they_are_packed(tmp_path: Path) -> None:
    """Plain, gz, xz, bz2 and zip, as text or bytes; a zip's member is the one that is named, or the only one."""
    text = "id\tname\n1\tone\n"
    for name in ("a.tsv", "a.tsv.gz", "a.tsv.xz", "a.tsv.bz2"):
        with common.anyfile(tmp_path / name, "w") as file:
            file.write(text)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/a.tsv", text)
    for name in ("a.tsv", "a.tsv.gz", "a.tsv.xz", "a.tsv.bz2", "a.zip"):
        with common.open_anyfile(str(tmp_path / name)) as file:
            assert file.read() == text
    with common.open_anyfile((str(tmp_path / "a.zip"), "in/a.tsv"), "rb") as file:
        assert file.read() == text.encode()
    assert list(dataload.tabfile_feeder(tmp_path / "a.tsv.gz")) == [["1", "one"]]
    assert list(dataload.tabfile_feeder(tmp_path / "a.tsv", header=0, includefn=lambda row: row[0] != "1")) == [["id", "name"]]
    assert dataload.tab2dict(tmp_path / "a.tsv", (0, 1), 0) == {"1": "one"}
    with pytest.raises(ValueError, match="2 columns, 3 expected"):
        list(dataload.tabfile_feeder(tmp_path / "a.tsv", assert_column_no=3))


def test_all_that_is_packed_is_unpacked(tmp_path: Path) -> None:
    """In BioThings' order, so that a gz out of a zip is unpacked too; the packed files stay."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("b.txt.gz", gzip.compress(b"inside"))
    common.uncompressall(tmp_path)
    assert (tmp_path / "b.txt").read_text() == "inside"
    assert (tmp_path / "a.zip").exists()


def test_chunks() -> None:
    """Tuples of up to n, with a running count where asked for."""
    assert list(common.iter_n(range(5), 2)) == [(0, 1), (2, 3), (4,)]
    assert list(common.iter_n("abc", 2, with_cnt=True)) == [(("a", "b"), 2), (("c",), 3)]


def test_json_parsers_are_parsers_and_factories(tmp_path: Path) -> None:
    """With the folder, with the folder and patterns, and as the SDK documents them: patterns first."""
    (tmp_path / "a.ndjson").write_text('{"_id": "a"}\n\n{"_id": "b"}\n')
    (tmp_path / "c.json").write_text('[{"_id": "c"}]')
    folder = str(tmp_path)
    assert [document["_id"] for document in parsers.ndjson_parser(folder)] == ["a", "b"]
    assert [document["_id"] for document in parsers.json_array_parser(folder, patterns=["c*.json"])] == ["c"]
    assert [document["_id"] for document in parsers.ndjson_parser(["*.ndjson"])(folder)] == ["a", "b"]
    assert [document["_id"] for document in parsers.json_array_parser(patterns=["*.json"])(folder)] == ["c"]


VARIANTS = [
    (("1", 35367, "G", "A"), "chr1:g.35367G>A"),
    (("chrX", "7", "GAT", "G"), "chrX:g.8_9del"),
    (("7", 10, "GA", "G"), "chr7:g.11del"),
    (("7", 10, "G", "GTT"), "chr7:g.10_11insTT"),
    (("7", 10, "GAT", "C"), "chr7:g.10_12delinsC"),
    (("7", 10, "AC", "AG"), "chr7:g.11C>G"),
    (("7", 10, "G", "CT"), "chr7:g.10delinsCT"),
]


@pytest.mark.parametrize(("variant", "name"), VARIANTS)
def test_names_of_variants(variant: tuple[str, int, str, str], name: str) -> None:
    """Substitutions, deletions, insertions, and both at once."""
    assert hgvs.get_hgvs_from_vcf(*variant) == name


OBO = """format-version: 1.2

[Term]
id: MP:1
name: tail
def: "A \\"long\\" tail." [PMID:7] {source="x"}
synonym: "brush" EXACT LAYPERSON [a:b]
synonym: "wag" RELATED []
synonym: "rear" BROAD []
xref: UMLS:C9 {source="x"} ! note
xref: Fyler:4300
xref: HP:4
xref: HP:4
xref: http://example.org/tail
is_a: MP:2 ! body
is_a: MP:3
relationship: part_of RO:5 ! whole
relationship: has_part MP:6

! between two stanzas

[Term]
id: MP:2
name: body ! a comment
is_a: MP:9

[Term]
id: MP:8
name: stub
is_obsolete: true
replaced_by: MP:1
replaced_by: MP:2
consider: MP:6
consider: UBERON:1

[Typedef]
id: part_of
name: part of
"""
BARE: dict[str, Any] = {"synonym": {}, "xrefs": {}, "relationships": {}}
ONTOLOGY = [
    {
        "_id": "MP:1",
        "label": "tail",
        "definition": "A \\long\\ tail. [PMID:7]",
        "synonym": {"exact": ["brush"], "related": ["wag"]},
        "xrefs": {"umls": ["C9"], "fyler": ["4300"], "hp": ["HP:4"]},
        "relationships": {"ro": ["RO:5"], "mp": ["MP:6"]},
        "parents": ["MP:2", "MP:3"],
        "ancestors": ["MP:2", "MP:3", "MP:9"],
    },
    {
        "_id": "MP:2",
        "label": "body",
        **BARE,
        "parents": ["MP:9"],
        "children": ["MP:1"],
        "ancestors": ["MP:9"],
        "descendants": ["MP:1"],
    },
    {
        "_id": "MP:8",
        "label": "stub",
        **BARE,
        "is_obsolete": True,
        "replaced_by": "MP:1",
        "consider": ["MP:6", "UBERON:1"],
    },
    {"_id": "MP:3", **BARE, "children": ["MP:1"], "descendants": ["MP:1"]},
    {"_id": "MP:6", **BARE},
    {"_id": "MP:9", **BARE, "children": ["MP:2"], "descendants": ["MP:1", "MP:2"]},
]
"""What pending.api's reader, on obonet 1.3, gives for the ids that begin with MP; sets of ids sorted here."""


def test_ontologies(tmp_path: Path) -> None:
    """Terms, obsolete ones too, and ids that are only referred to, with the hierarchy in both directions."""
    (tmp_path / "x.obo").write_text(OBO)

    of_prefix = list(load_obo(str(tmp_path), "x.obo", prefix="MP"))
    of_all = [document["_id"] for document in load_obo(str(tmp_path), "x.obo")]

    assert sorted(of_prefix, key=lambda document: ONTOLOGY.index(document)) == ONTOLOGY
    assert sorted(of_all) == ["MP:1", "MP:2", "MP:3", "MP:6", "MP:8", "MP:9", "RO:5"]


@pytest.mark.parametrize("stanza", ["[Term]\nname: nobody\n", "[Term]\nid: A:1\nno tag here\n"])
def test_what_is_no_ontology(tmp_path: Path, stanza: str) -> None:
    """A term without an id, and a line without a tag, end it."""
    (tmp_path / "x.obo").write_text(stanza)

    with pytest.raises(ValueError, match=r"x\.obo"):
        list(load_obo(str(tmp_path), "x.obo"))


PLUGINS: dict[str, tuple[dict[str, str], dict[str, str], list[dict[str, Any]]]] = {
    "a table cleaned as most do": (
        {
            "parser.py": """
                import os
                from biothings.utils.dataload import dict_convert, dict_sweep, tabfile_feeder, unlist, value_convert_to_number
                from biothings import config
                logging = config.logger

                def load_data(data_folder):
                    infile = os.path.join(data_folder, "data.tsv")
                    assert os.path.exists(infile), "Can't find input file '%s'" % infile
                    header = next(tabfile_feeder(infile, header=0))
                    grouped = {}
                    for row in tabfile_feeder(infile):
                        rec = dict_convert(dict(zip(header, row)), keyfn=lambda k: k.replace(" ", "_").lower())
                        logging.info(rec)
                        grouped.setdefault(rec.pop("gene_id"), []).append(rec)
                    for _id, docs in grouped.items():
                        doc = {"_id": _id, "demo": docs}
                        yield value_convert_to_number(unlist(dict_sweep(doc, ["", "-"])), skipped_keys=["_id"])
            """
        },
        {"data.tsv": "Gene ID\tScore\tNote\n7\t1.5\t-\n7\t2\tx\n9\t3\t\n"},
        [{"_id": "7", "demo": [{"score": 1.5}, {"score": 2, "note": "x"}]}, {"_id": "9", "demo": {"score": 3}}],
    ),
    "a hub's names": (
        {
            "parser.py": """
                import biothings
                import config
                biothings.config_for_app(config)
                from config import DATA_ARCHIVE_ROOT
                from utils.hgvs import get_hgvs_from_vcf
                from myvariant.src.utils.hgvs import get_hgvs_from_vcf as same
                from biothings.utils.serializer import json_loads
                import biothings.hub.dataload.dumper, biothings.hub.dataload.uploader, biothings.utils.manager

                def load_data(data_folder):
                    assert data_folder.startswith(DATA_ARCHIVE_ROOT)
                    yield {"_id": get_hgvs_from_vcf("1", 5, "A", "G"), "same": same("1", 5, "A", "G"), "x": json_loads("[1]")}
            """
        },
        {},
        [{"_id": "chr1:g.5A>G", "same": "chr1:g.5A>G", "x": [1]}],
    ),
    "its own utils beside the hub's": (
        {
            "parser.py": """
                from utils import prefix
                from utils.hgvs import get_hgvs_from_vcf
                def load_data(data_folder):
                    yield {"_id": prefix + get_hgvs_from_vcf("1", 5, "A", "G")}
            """,
            "utils/__init__.py": "prefix = 'own:'",
        },
        {},
        [{"_id": "own:chr1:g.5A>G"}],
    ),
    "modules that it shares with others": (
        {
            "parser.py": """
                import hub
                from hub.dataload.data_parsers import load_obo
                from hub.dataload.lists import LIST
                from utils import prefix
                from utils.lookup import find
                from utils.hgvs import get_hgvs_from_vcf

                def load_data(data_folder):
                    yield {"_id": prefix + find(LIST), "variant": get_hgvs_from_vcf("1", 5, "A", "G"), "more": callable(load_obo)}
            """,
            "utils/__init__.py": "prefix = 'own:'",
            "leat_shared_modules/hub/__init__.py": "raise SystemExit('it starts the hub')",
            "leat_shared_modules/hub/dataload/lists.py": "LIST = ['a', 'b']",
            "leat_shared_modules/utils/__init__.py": "raise SystemExit('the plugin has its own')",
            "leat_shared_modules/utils/lookup.py": "find = ''.join",
        },
        {},
        [{"_id": "own:ab", "variant": "chr1:g.5A>G", "more": True}],
    ),
    "a folder for temporary files that only its hub has": (
        {
            "parser.py": """
                import os, tempfile
                tempfile._candidate_tempdir_list = lambda: ["/nowhere/tmp"]

                def load_data(data_folder):
                    descriptor, path = tempfile.mkstemp()
                    os.close(descriptor)
                    with tempfile.TemporaryDirectory() as folder:
                        yield {"_id": "a", "file": os.path.exists(path), "same": os.path.dirname(path) == os.path.dirname(folder)}
            """
        },
        {},
        [{"_id": "a", "file": True, "same": True}],
    ),
    "files named like Python's own": (
        {
            "parser.py": """
                import statistics, zipfile
                from . import zipfile as own

                def load_data(data_folder):
                    yield {"_id": "a", "mean": statistics.mean([1, 3]), "zip": hasattr(zipfile, "ZipFile"), "own": own.NAME}
            """,
            "random.py": "raise SystemExit('nobody wants this')",
            "zipfile.py": "NAME = 'mine'",
        },
        {},
        [{"_id": "a", "mean": 2, "zip": True, "own": "mine"}],
    ),
    "the SDK's own parser": (
        {"manifest.json": uploading(parser="biothings.utils.parsers:ndjson_parser", parser_kwargs={"patterns": ["*.json"]})},
        {"a.json": '{"_id": "a"}\n'},
        [{"_id": "a"}],
    ),
    "the hub's ontology parser": (
        {
            "manifest.json": uploading(
                parser="hub.dataload.data_parsers:load_obo", parser_kwargs={"obofile": "x.obo", "prefix": "X"}
            )
        },
        {"x.obo": "[Term]\nid: X:1\nname: root\n"},
        [{"_id": "X:1", "label": "root", **BARE}],
    ),
}


@pytest.mark.parametrize(("files", "data", "documents"), PLUGINS.values(), ids=PLUGINS.keys())
async def test_plugins_as_others_write_them(
    tmp_path: Path, files: dict[str, str], data: dict[str, str], documents: list[dict[str, Any]]
) -> None:
    """Whole plugins in the manner of those that are published run unmodified."""
    assert (await parse(tmp_path, files, data)).documents == documents


async def test_the_hubs_database_is_out_of_reach(tmp_path: Path) -> None:
    """It can be imported, and says so when it is called."""
    parser = "from biothings.utils.hub_db import get_src_db\ndef load_data(folder):\n    yield {'_id': str(get_src_db())}"
    with pytest.raises(JobFailed, match="no access to the hub's database"):
        await parse(tmp_path, parser)


def test_the_names_of_the_survey_are_there() -> None:
    """Every function that published plugins were seen to import."""
    names = """dict_sweep unlist value_convert_to_number dict_convert open_anyfile merge_duplicate_rows tabfile_feeder to_boolean
    merge_struct dict_traverse boolean_convert float_convert int_convert dict_walk safe_type"""
    assert [name for name in names.split() if not callable(getattr(dataload, name, None))] == []
    assert json.loads(json.dumps(common.list2dict([("a", 1), ("a", 2)], 0))) == {"a": [1, 2]}
