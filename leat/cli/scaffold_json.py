"""What a JSON file says of itself, for the manifest that `leat source new` writes."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from leat.cli.exits import Ended, Exit
from workers.plugin.host.files.opening import opened_text


def sampled(file: Path, format: str, encoding: str, rows: int) -> tuple[str, dict[str, list[str]]]:
    """(the path to the list of records, empty where the file is that list; the keys that could name a record, with the values of
    the first `rows` records). Raises Ended where there are no records, or FileRefused where the file is no text."""
    with opened_text(str(file), file.name, encoding) as text:
        try:
            if format == "jsonl":
                lines = itertools.islice((line for line in text if not line.isspace()), rows)
                path, records = "", [orjson.loads(line) for line in lines]
            else:
                path, records = _list_in(orjson.loads(text.read()))
        except orjson.JSONDecodeError as error:
            raise Ended(Exit.REFUSED, f"{file.name} is no {'JSON lines' if format == 'jsonl' else 'JSON'}: {error}") from error
    objects = [record for record in records[:rows] if isinstance(record, dict)]
    if not objects:
        raise Ended(Exit.REFUSED, f"{file.name} has no list of objects")
    return path, {key: [str(each[key]) for each in objects] for key in objects[0] if _names_all(key, objects)}


def _names_all(key: str, records: list[dict[str, Any]]) -> bool:
    return all(isinstance(each.get(key), str | int) and not isinstance(each[key], bool) for each in records)


def _list_in(value: Any) -> tuple[str, list[Any]]:
    """The list of objects that is the least deep, and its path; an empty one where there is none."""
    level = {"": value}
    while level:
        for path, each in level.items():
            if isinstance(each, list) and any(isinstance(item, dict) for item in each):
                return path, each
        level = {
            f"{path}.{key}".lstrip("."): inner
            for path, each in level.items()
            if isinstance(each, Mapping)
            for key, inner in each.items()
        }
    return "", []
