"""`leat source new`: the folder of a new plugin, with Python, or without where a file says what is in it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from domain.data.formats import template_columns
from domain.names import NAME
from leat.cli import output
from leat.cli.exits import Ended, Exit
from leat.cli.scaffold_json import sampled
from workers.plugin.host.files.reading import format_of
from workers.plugin.host.files.refusal import FileRefused
from workers.plugin.host.files.tables import Table

ROWS = 10_000
"""Rows of a file that are looked at to suggest types."""
MISSING = ("NA", "N/A", "NULL", "None", "-", ".")
"""Texts that are taken for no value in columns whose other values are numbers."""
INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})")
"""No leading zeros: those are in identifiers."""
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,2})?")
PARSER = '''"""Documents of the files that the manifest names."""

import csv
import os


def load_data(data_folder):
    """Yield a dict with a text `_id` for each document; data_folder holds the files of `data_url`."""
    with open(os.path.join(data_folder, "data.tsv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\\t"):
            yield {"_id": row["id"], "name": row["name"]}
'''
EXAMPLE = "id\tname\n1\tone\n2\ttwo\n"


def new(folder: Path, file: Path | None, url: str, id: str, encoding: str) -> Exit:
    """Write the plugin. Raises Ended where something is there already, or the file can't be read."""
    if not NAME.match(folder.resolve().name):
        raise Ended(
            Exit.REFUSED, f"{folder.resolve().name!r} can't be a name: letters, digits, _ and -, beginning with a letter or _"
        )
    if folder.is_dir() and any(folder.iterdir()):
        raise Ended(Exit.REFUSED, f"{folder} is there already, and not empty")
    if file is not None and not file.is_file():
        raise Ended(Exit.REFUSED, f"there is no file {file}")
    parser: dict[str, Any] | str = "parser:load_data"
    if file is not None:
        try:
            parser = _suggested(file, id, encoding)
        except FileRefused as error:
            raise Ended(Exit.REFUSED, str(error)) from error
        except LookupError as error:
            raise Ended(Exit.USAGE, f"the encoding {encoding!r} is not known") from error
        url = url or file.resolve().as_uri()
    manifest = {
        "version": "1.0",
        "__metadata__": {"url": "", "license": "", "description": ""},
        "dumper": {"data_url": url or "file:data/data.tsv"},
        "uploader": {"parser": parser},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True), encoding="utf-8")
    if file is None:
        (folder / "parser.py").write_text(PARSER, encoding="utf-8")
        if not url:
            (folder / "data").mkdir()
            (folder / "data" / "data.tsv").write_text(EXAMPLE, encoding="utf-8")
    print(f"wrote {folder}: try it with `leat source check {folder}`, then `leat source add {folder}`")
    if file is not None:
        output.note(f"{folder}/manifest.yaml can say more: `lists` (separators), `missing`, `types`, `only`, …: docs/plugins.md")
    return Exit.DONE


def _suggested(file: Path, id: str, encoding: str) -> dict[str, Any]:
    """The `parser` object for a file."""
    options: dict[str, Any] = {} if encoding == "utf-8" else {"encoding": encoding}
    format = format_of(file.name)
    if format in ("json", "jsonl"):
        records, keys = sampled(file, format, encoding, ROWS)
        return {"id": id or _unique(keys), **({"records": records} if records else {}), **options}
    if not format:
        options |= {"format": "tsv", "files": file.name}
    with_delimiter = options | _delimiter(file, format or "tsv", encoding)
    names, rows = Table(str(file), file.name, {"format": format or "tsv", **with_delimiter}).sample(ROWS)
    if "format" in options:
        with_delimiter["format"] = "tsv"
    columns = {name: [row[number] for row in rows if number < len(row)] for number, name in enumerate(names)}
    for column in template_columns(id) if id else ():
        if column not in names:
            raise Ended(Exit.REFUSED, f"{file.name} has no column {column!r}; it has {', '.join(names)}")
    chosen = id or _unique(columns)
    types = {name: type for name, values in columns.items() if name != chosen and (type := _type(values))}
    found = {value for name in types for value in columns[name]} & set(MISSING)
    rename = {name: plain for name in names if (plain := _plain(name)) != name}
    suggested = {"id": chosen, **with_delimiter, "types": types, "missing": sorted(found), "rename": rename}
    return {key: value for key, value in suggested.items() if value}


def _delimiter(file: Path, format: str, encoding: str) -> dict[str, str]:
    """The delimiter, where it is not the format's: what the first line has most of."""
    names, _ = Table(str(file), file.name, {"format": format, "encoding": encoding, "delimiter": "\0", "quote": False}).sample(0)
    line = names[0]
    best = max("\t,;|", key=line.count)
    return {} if best == {"tsv": "\t", "csv": ","}[format] or not line.count(best) else {"delimiter": best}


def _unique(columns: Mapping[str, Sequence[str]]) -> str:
    """The first column that names each row."""
    if "_id" in columns:
        return "_id"
    rows = max(map(len, columns.values()), default=0)
    for name, values in columns.items():
        if len(set(values)) == rows and "" not in values:
            output.note(f"`_id` is made of the column {name}; --id says another one")
            return name
    raise Ended(
        Exit.REFUSED,
        f"no column has another value in each row: name one, or several as '{{a}}-{{b}}', with --id; "
        f"there are {', '.join(columns)}",
    )


def _type(values: Sequence[str]) -> str:
    """What the values that are there are; empty for text."""
    seen = {value for value in values if value and value not in MISSING}
    if not seen:
        return ""
    if all(map(INTEGER.fullmatch, seen)):
        return "integer"
    if all(map(NUMBER.fullmatch, seen)):
        return "number"
    return "boolean" if {value.lower() for value in seen} <= {"true", "false"} else ""


def _plain(name: str) -> str:
    """A field's name that needs no quotes in a query."""
    return name if re.fullmatch(r"\w+(\.\w+)*", name) else re.sub(r"\W+", "_", name).strip("_").lower() or "field"
