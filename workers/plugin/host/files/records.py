"""Records: files of JSON, an object a line or a list of objects."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from .columns import Column, NotOfType, conflict, id_of, missing, wanted
from .opening import opened_text
from .refusal import FileRefused


def of_lines(path: str, name: str, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The documents of JSON lines; empty lines are none. Raises FileRefused."""
    shape = _Shape(options)
    with opened_text(path, name, options.get("encoding", "utf-8")) as text:
        for number, line in enumerate(text, 1):
            if line.isspace():
                continue
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                whole = "; is it one JSON value over many lines? Then add `format: json`" if line.strip() in ("[", "{") else ""
                raise FileRefused(f"{name}, line {number}, column {error.colno}: {error.msg}{whole}") from None
            yield shape.document(record, f"{name}, line {number}")


def of_list(path: str, name: str, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The documents of a JSON list, or of the one at the path `records`. The whole of it is held in memory. Raises FileRefused."""
    shape = _Shape(options)
    with opened_text(path, name, options.get("encoding", "utf-8")) as text:
        content = text.read()
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        lines = "; is it an object a line? Then add `format: jsonl`" if _begins_with_a_line(content) else ""
        raise FileRefused(f"{name}, line {error.lineno}, column {error.colno}: {error.msg}{lines}") from None
    del content
    for number, record in enumerate(_list_at(value, name, options.get("records", "")), 1):
        yield shape.document(record, f"{name}, record {number}")


def _begins_with_a_line(content: str) -> bool:
    try:
        return isinstance(json.loads(content.lstrip().split("\n", 1)[0]), dict)
    except ValueError:
        return False


def _list_at(value: Any, name: str, path: str) -> list[Any]:
    for key in filter(None, path.split(".")):
        if not isinstance(value, dict) or key not in value:
            raise FileRefused(f"{name}: there is nothing at `records: {path}`{_has(value)}")
        value = value[key]
    if not isinstance(value, list):
        advice = f"say at which path the list is in `records`{_has(value)}"
        raise FileRefused(f"{name}: {path or 'the file'} is no list of records but {_kind(value)}; {advice}")
    return value


def _has(value: Any) -> str:
    return f"; the object there has {', '.join(list(value)[:10])}" if isinstance(value, dict) and value else ""


def _kind(value: Any) -> str:
    return {dict: "an object", list: "a list", str: "text", bool: "a boolean"}.get(
        type(value), "null" if value is None else "a number"
    )


class _Shape:
    """How records become documents."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options
        self.missing = missing(options)
        self.ids, self.make_id = id_of(options)
        self.plain = not any(options.get(key) for key in ("types", "lists", "rename", "only", "drop", "missing", "strip"))
        self.columns: dict[str, Column | None] = {}

    def document(self, record: Any, place: str) -> dict[str, Any]:
        """The record's document; `place` is where it is. Raises FileRefused."""
        if not isinstance(record, dict):
            raise FileRefused(f"{place}: a record is an object, this is {_kind(record)}")
        id = self._id(record, place)
        document = record if self.plain else self._shaped(record, place)
        document["_id"] = id
        return document

    def _shaped(self, record: dict[str, Any], place: str) -> dict[str, Any]:
        document: dict[str, Any] = {}
        for key, value in record.items():
            if key not in self.columns:
                self._meet(key, place)
            column = self.columns[key]
            if column is None:
                continue
            found = self._value(column, value, place)
            if found is None and value is not None:
                continue
            at = document
            for part in column.path[:-1]:
                at = at.setdefault(part, {})
            at[column.path[-1]] = found
        return document

    def _meet(self, key: str, place: str) -> None:
        """Learn a key that no record before had."""
        column = Column(key, self.options, self.missing) if wanted(self.options, key) else None
        if column is not None and key not in self.options.get("rename", {}):
            column.path = (key,)  # a dot in a JSON key is no separator of ours
        self.columns[key] = column
        problem = conflict((each.name, each.path) for each in self.columns.values() if each is not None and each.name != "_id")
        if problem:
            raise FileRefused(f"{place}: {problem}")

    def _value(self, column: Column, value: Any, place: str) -> Any:
        try:
            if isinstance(value, str):
                return column.value(value)
            if column.type != "text":
                self._check(column, value)
        except NotOfType as error:
            text, expected = error.args
            advice = "mend it, change the key's `types`, or add it to `missing`"
            raise FileRefused(f"{place}, key {column.name}: {text[:60]!r} is no {expected}: {advice}") from None
        return value

    def _check(self, column: Column, value: Any) -> None:
        """Values that have a type already must have the one that is wanted; lists by member."""
        for each in value if isinstance(value, list) else [value]:
            fits = {"integer": type(each) is int, "number": type(each) in (int, float), "boolean": type(each) is bool}[column.type]
            if each is not None and not fits:
                raise NotOfType(orjson.dumps(each).decode(), column.type)

    def _id(self, record: dict[str, Any], place: str) -> str:
        parts = [self._text(record, name, place) for name in self.ids]
        return self.make_id(*parts) if self.make_id else parts[0]

    def _text(self, record: dict[str, Any], name: str, place: str) -> str:
        value: Any = record
        for key in [name] if name in record else name.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str) and value.strip() and value not in self.missing:
            return value.strip() if self.options.get("strip") else value
        if type(value) is int:
            return str(value)
        told = "there is none" if value is None else f"it is {orjson.dumps(value).decode()[:60]}"
        raise FileRefused(f"{place}, key {name}: `_id` is made of it, and {told}: mend the record, or name another key in `id`")
