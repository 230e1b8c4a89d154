"""Parsers without Python: what a manifest says of files that need no code, checked before any file is read.

The object under `uploader.parser` becomes the keywords of one function of ours, `leat_files:documents`, which is called in the
plugin's process as a plugin's own parser is. docs/plugins.md has the keys.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from domain.errors import Invalid

PARSER = "leat_files:documents"
"""What `uploader.parser` becomes; workers/plugin/host/aliases.py says where that function is."""

Refuse = Callable[[tuple[str, ...], str], Invalid]
"""Makes the refusal of a key (its path below `parser`) for a reason."""

Format = Literal["tsv", "csv", "jsonl", "json"]
Type = Literal["text", "integer", "number", "boolean"]


class Declared(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the manifest says of the files, and of the documents that their rows or records become."""

    files: str | list[str] = []
    """Names, or patterns such as `*.tsv`, of the dump's files; none: the only file that the format fits."""
    format: Format | None = None
    """None: by the ending of each file's name."""
    encoding: str = "utf-8"
    records: str = ""
    """JSON: the path to the list of records, such as `response.genes`."""
    delimiter: str = ""
    quote: str | bool = True
    """The character around values that hold delimiters or line ends; true: the format's; false: none."""
    comment: str = ""
    """What lines begin with that are skipped."""
    skip: int = 0
    """Lines before the header."""
    header: bool | Literal["comment"] | None = None
    """Whether a line names the columns; `comment`: the last comment line before the first row does. None: unless `columns` do."""
    columns: list[str] = []
    id: str | list[str] = ""
    """The column whose value is `_id`; several, joined by `_`; or a template such as `{chromosome}:{start}`."""
    types: dict[str, Type] = {}
    lists: dict[str, str] = {}
    """The separator of each column that holds lists."""
    missing: str | list[str] = []
    """Texts that stand for no value."""
    strip: bool = False
    """Whether white space around values goes."""
    rename: dict[str, str] = {}
    """The path of a column's value in the document, where that is not the column's name."""
    only: str | list[str] = []
    drop: str | list[str] = []


EXPECTED = {
    "files": "the name of a file or a pattern such as '*.tsv', or a list of them",
    "format": "tsv, csv, jsonl or json",
    "encoding": "an encoding such as utf-8 or latin-1",
    "records": "the path to the list of records, such as 'response.genes'",
    "delimiter": "one character",
    "quote": "one character, or false where quotes are plain text",
    "comment": "the text that comment lines begin with",
    "skip": "a number of lines, 0 or more",
    "header": "true, false, or 'comment' where the last comment line names the columns",
    "columns": "a list of different names",
    "id": "a column, a list of columns, or a template such as '{chromosome}:{start}'",
    "types": "an object of column to text, integer, number or boolean",
    "lists": "an object of column to separator",
    "missing": "a text or a list of texts (in YAML, quote words such as 'null', 'no' and '-')",
    "strip": "true or false",
    "rename": "an object of column to path, such as {Symbol: gene.symbol}",
    "only": "a list of columns",
    "drop": "a list of columns",
}
"""What each key should be, for whoever gave something else."""

TABLES = ("delimiter", "quote", "comment", "skip", "header", "columns")
"""Keys that mean nothing for JSON."""


def as_function(uploader: Mapping[str, Any], refuse: Refuse) -> dict[str, Any]:
    """An uploader whose `parser` is an object, with the function and keywords that it stands for. Raises what `refuse` makes, at
    the first key that is wrong."""
    for key in ("parser_kwargs", "parallelizer"):
        if uploader.get(key):
            raise refuse((key,), "is for parsers that are functions; this one is an object")
    keywords = _keywords(uploader["parser"], lambda key, reason: refuse(("parser", *key), reason))
    return {**uploader, "parser": PARSER, "parser_kwargs": keywords}


def _keywords(data: Any, refuse: Refuse) -> dict[str, Any]:
    declared = _converted(data, refuse)
    found: dict[str, Any] = msgspec.to_builtins(declared)
    for key, reason in _problems(declared, set(data)):
        raise refuse((key,), reason)
    for key in ("files", "missing", "only", "drop"):
        if isinstance(found.get(key), str):
            found[key] = [found[key]]
    if "delimiter" in found:
        found["delimiter"] = _delimiter(declared.delimiter)
    return found


def _converted(data: Any, refuse: Refuse) -> Declared:
    for key in data:
        if key not in EXPECTED:
            raise refuse((key,), f"is no key of a parser; there are {', '.join(EXPECTED)}")
    try:
        return msgspec.convert(data, Declared)
    except msgspec.ValidationError as error:
        path = re.findall(r"[^.\[\]]+", str(error).rpartition("`$")[2].rstrip("`"))
        key = path[0] if path and path[0] in EXPECTED else next(key for key in data if _refused(key, data[key]))
        raise refuse((key,), f"{data[key]!r} should be {EXPECTED[key]}") from None


def _refused(key: str, value: Any) -> bool:
    try:
        msgspec.convert({key: value}, Declared)
    except msgspec.ValidationError:
        return True
    return False


def _problems(declared: Declared, given: set[str]) -> Iterator[tuple[str, str]]:
    """(key, reason) of what has the right type and makes no sense."""
    if declared.format in ("json", "jsonl"):
        yield from ((key, f"is for tables (tsv, csv); this is {declared.format}") for key in TABLES if key in given)
    if declared.records and declared.format in ("tsv", "csv", "jsonl"):
        yield "records", f"is for json; this is {declared.format}"
    try:
        bytes(4).decode(declared.encoding)  # which every encoding of text reads; bytes of none would not be looked at
    except (LookupError, ValueError):
        yield "encoding", f"{declared.encoding!r} is not known; it should be {EXPECTED['encoding']}"
    yield from _table_problems(declared, "delimiter" in given)
    yield from _column_problems(declared)


def _table_problems(declared: Declared, delimited: bool) -> Iterator[tuple[str, str]]:
    delimiter = _delimiter(declared.delimiter)
    if delimited and (len(delimiter) != 1 or delimiter in "\r\n"):
        yield "delimiter", f"{declared.delimiter!r} should be {EXPECTED['delimiter']}"
    if isinstance(declared.quote, str) and (len(declared.quote) != 1 or declared.quote in delimiter + "\r\n"):
        yield "quote", f"{declared.quote!r} should be {EXPECTED['quote']}, and not the delimiter"
    if declared.skip < 0:
        yield "skip", f"{declared.skip} should be {EXPECTED['skip']}"
    if declared.header == "comment" and not declared.comment:
        yield "header", "needs `comment`, the text that comment lines begin with"
    if declared.header is False and not declared.columns:
        yield "header", "without a header `columns` has to name them"


def _column_problems(declared: Declared) -> Iterator[tuple[str, str]]:
    columns = declared.columns
    if any(columns.count(name) > 1 or not name.strip() for name in columns):
        yield "columns", f"should be {EXPECTED['columns']}; one is there twice, or empty"
    ids = template_columns(declared.id) if isinstance(declared.id, str) else declared.id
    if declared.id and not all(ids):
        yield "id", f"{declared.id!r} should be {EXPECTED['id']}"
    named = {"id": ids, "types": declared.types, "lists": declared.lists, "rename": declared.rename}
    for key, names in {**named, "only": _listed(declared.only), "drop": _listed(declared.drop)}.items():
        yield from ((key, f"{name!r} is none of the `columns`") for name in names if columns and name and name not in columns)
    yield from (("lists", f"{name!r} has an empty separator") for name, separator in declared.lists.items() if not separator)
    for name, path in declared.rename.items():
        if not all(part.strip() for part in path.split(".")):
            yield "rename", f"{name!r}: {path!r} is no path such as gene.symbol"


def template_columns(template: str) -> list[str]:
    """The columns of a template such as `{chromosome}:{start}`, or the one that is named plainly; an empty name where its braces
    don't fit."""
    names = re.findall(r"\{([^{}]+)\}", template)
    left = re.sub(r"\{[^{}]+\}", "", template)
    return [""] if "{" in left or "}" in left else names or [template]


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _delimiter(text: str) -> str:
    r"""The character: YAML and JSON authors write `\t` with and without its escape being read."""
    return {"\\t": "\t", "tab": "\t"}.get(text, text)
