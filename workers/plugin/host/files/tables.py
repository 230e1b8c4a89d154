"""Tables: TSV and CSV files, read by csv and turned into documents by the column, a thousand rows at a time."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import IO, Any

from .columns import Column, NotOfType, conflict, id_of, missing, wanted
from .opening import opened_text
from .refusal import FileRefused

BATCH = 200
"""Rows that are turned into documents together: with more, Python's garbage collector would look at them again and again."""
csv.field_size_limit(16 * 2**20)  # as much as a document may have
DELIMITERS = {"tsv": "\t", "csv": ","}


def documents(path: str, name: str, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The documents of a table's rows. Raises FileRefused."""
    return chain.from_iterable(Table(path, name, options).batches())


class _RowRefused(Exception):
    """A row can't be read; `args` are its number in the batch, what is wrong, and the column."""


class Table:
    """One file."""

    def __init__(self, path: str, name: str, options: Mapping[str, Any]) -> None:
        self.path = path
        self.name = name
        self.options = options
        quote = options.get("quote", True)
        if quote is True:  # TSV as it is registered has no quotes: a " there is an inch or a second
            quote = False if options["format"] == "tsv" else '"'
        self.dialect: dict[str, Any] = {"delimiter": options.get("delimiter") or DELIMITERS[options["format"]], "strict": True}
        self.dialect |= {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE, "quotechar": None}

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """The documents, one for each row that has values."""
        done = 0
        with opened_text(self.path, self.name, self.options.get("encoding", "utf-8")) as text:
            lines = _Lines(text, self.options)
            reader = csv.reader(lines.rest(), **self.dialect)
            try:
                names = self._names(lines, reader)
                shape = _Shape(names, self.options, self._refused)
                rows = filter(None, reader)
                while batch := list(islice(rows, BATCH)):
                    yield shape.documents(batch)
                    done += len(batch)
            except csv.Error as error:
                raise self._unreadable(error, done) from None
            except _RowRefused as error:
                number, reason, column = error.args
                line = self._line(done + number)
                raise FileRefused(f"{self.name}, line {line}{f', column {column}' if column else ''}: {reason}") from None

    def sample(self, rows: int) -> tuple[list[str], list[list[str]]]:
        """The columns' names and the first rows, as they stand there."""
        with opened_text(self.path, self.name, self.options.get("encoding", "utf-8")) as text:
            lines = _Lines(text, self.options)
            reader = csv.reader(lines.rest(), **self.dialect)
            try:
                return self._names(lines, reader), list(islice(filter(None, reader), rows))
            except csv.Error as error:
                raise self._unreadable(error, 0) from None

    def _names(self, lines: "_Lines", reader: Iterator[list[str]]) -> list[str]:
        """The columns, as the manifest or the header names them."""
        columns = list(self.options.get("columns", ()))
        header = self.options.get("header")
        if header is False or (header is None and columns):
            return columns
        if header == "comment":
            if not lines.last_comment:
                raise self._refused(
                    f"no line that begins with {self.options['comment']!r} is before the first row to name the columns"
                )
            found = next(csv.reader([lines.last_comment], **self.dialect), [])
        else:
            found = next(filter(None, reader), [])
        names = [name.strip() for name in found]
        if columns:
            if len(columns) != len(names):
                raise self._refused(f"the header names {len(names)} columns, the manifest's `columns` {len(columns)}")
            return columns
        if not names:
            raise self._refused("it has no header: the file is empty")
        self._check_names(names)
        return names

    def _check_names(self, names: list[str]) -> None:
        advice = "name all columns in `columns`, with `header: true`"
        for number, name in enumerate(names, 1):
            if not name:
                raise self._refused(f"the header has no name for column {number}; {advice}")
            if name in names[: number - 1]:
                raise self._refused(f"the header names {name!r} twice (columns {names.index(name) + 1} and {number}); {advice}")

    def _refused(self, reason: str) -> FileRefused:
        return FileRefused(f"{self.name}: {reason}")

    def _unreadable(self, error: csv.Error, done: int) -> FileRefused:
        line = self._line(None)
        advice = "where quotes are plain text, add `quote: false`" if self.dialect.get("quotechar") else ""
        if "field larger" in str(error):
            advice = f"a value has 16 MiB at most{'; ' + advice if advice else ''}"
        return FileRefused(f"{self.name}, line {line}: {error}; {advice}".rstrip("; "))

    def _line(self, row: int | None) -> int:
        """The line where a row begins, or, without one, that of the first row that csv can't read. The file is read again for it,
        so that reading it the first time needs no counting."""
        with opened_text(self.path, self.name, self.options.get("encoding", "utf-8")) as text:
            lines = _Lines(text, self.options)
            reader = csv.reader(lines.rest(counting=True), **self.dialect)
            header = self.options.get("header")
            number = -1 if header is True or (header is None and not self.options.get("columns")) else 0
            began, before = lines.number, 0
            try:
                for found in reader:
                    began = lines.number - (reader.line_num - before) + 1
                    before = reader.line_num
                    if found and number == row:
                        return began
                    number += bool(found)
            except csv.Error:
                return lines.number - (reader.line_num - before) + 1
        return began


class _Lines:
    """A file's lines without those that are skipped; `last_comment` is the text of the last comment before the first other line."""

    def __init__(self, text: IO[str], options: Mapping[str, Any]) -> None:
        self.text = text
        self.comment = options.get("comment", "")
        self.last_comment = ""
        self.number = 0
        self.head: list[str] = []
        for _ in islice(text, options.get("skip", 0)):
            self.number += 1
        while self.comment and (line := next(text, "")):
            if not line.startswith(self.comment):
                self.head = [line]
                break
            self.last_comment = line.removeprefix(self.comment)
            self.number += 1

    def rest(self, counting: bool = False) -> Iterator[str]:
        """The lines; `number` is the last one's where they are counted."""
        lines = chain(self.head, self.text)
        if counting:
            return self._counted(lines)
        if not self.comment:
            return lines
        return (line for line in lines if not line.startswith(self.comment))

    def _counted(self, lines: Iterator[str]) -> Iterator[str]:
        for line in lines:
            self.number += 1
            if not self.comment or not line.startswith(self.comment):
                yield line


class _Shape:
    """How rows become documents."""

    def __init__(self, names: list[str], options: Mapping[str, Any], refused: Any) -> None:
        self.names = names
        empty = missing(options, "")
        for key in ("types", "lists", "rename", "only", "drop"):
            for name in options.get(key, ()):
                if name not in names:
                    raise refused(f"`{key}` names the column {name!r}; there are {', '.join(names)}")
        ids, self.make_id = id_of(options)
        for name in ids:
            if name not in names:
                told = (
                    "no `id` is named and there is no column `_id`" if not options.get("id") else f"`id` names the column {name!r}"
                )
                raise refused(f"{told}; there are {', '.join(names)}")
        self.ids = [(names.index(name), Column(name, options, empty)) for name in ids]
        columns = [(number, Column(name, options, empty)) for number, name in enumerate(names) if wanted(options, name)]
        self.columns = [(number, column) for number, column in columns if column.path != ("_id",) or ids != [column.name]]
        problem = conflict([("_id", ("_id",)), *((column.name, column.path) for _, column in self.columns)])
        if problem:
            raise refused(problem)
        self.tree = _tree([column.path for _, column in self.columns])

    def documents(self, rows: list[list[str]]) -> list[dict[str, Any]]:
        """One for each row. Raises _RowRefused."""
        width = len(self.names)
        if set(map(len, rows)) != {width}:
            number, row = next((number, row) for number, row in enumerate(rows) if len(row) != width)
            raise _RowRefused(number, self._ragged(row), "")
        texts = list(zip(*rows, strict=True))
        found = [self._converted(column, texts[number]) for number, column in self.columns]
        ids = self._ids(texts)
        return _combined(self.tree, found, rows, [("_id", ids, False)])[0]

    def _ragged(self, row: list[str]) -> str:
        width = len(self.names)
        begin = f"{len(row)} {'value' if len(row) == 1 else 'values'} for {width} columns"
        where = f"{self.names[len(row)]!r} has none" if len(row) < width else f"{row[width][:40]!r} is behind the last"
        return f"{begin}: {where}; mend the row, or see whether `delimiter` and `quote` are the file's"

    def _ids(self, texts: Sequence[Sequence[str]]) -> Sequence[str]:
        parts = []
        for number, column in self.ids:
            values = list(map(str.strip, texts[number])) if column.strip else texts[number]
            if not column.missing.isdisjoint(values):
                row = next(row for row, value in enumerate(values) if value in column.missing)
                raise _RowRefused(row, "no value, and `_id` is made of it: mend the row, or name another `id`", column.name)
            parts.append(values)
        return list(map(self.make_id, *parts)) if self.make_id else parts[0]

    def _converted(self, column: Column, texts: Sequence[str]) -> tuple[Sequence[Any], bool]:
        try:
            return column.values(texts)
        except NotOfType:
            for row, text in enumerate(texts):
                try:
                    column.value(text)
                except NotOfType as error:
                    value, wanted_type = error.args
                    advice = "mend it, change the column's `types`, or add it to `missing`"
                    raise _RowRefused(row, f"{value[:60]!r} is no {wanted_type}: {advice}", column.name) from None
            raise


Tree = dict[str, Any]
"""Members of a document: the number of a column, or a tree of an object's members."""
Filled = tuple[str, Sequence[Any], bool]
"""A member, its values by row, and whether some of them are None."""


def _tree(paths: Sequence[tuple[str, ...]]) -> Tree:
    tree: Tree = {}
    for number, path in enumerate(paths):
        at = tree
        for part in path[:-1]:
            at = at.setdefault(part, {})
        at[path[-1]] = number
    return tree


def _combined(
    tree: Tree, found: list[tuple[Sequence[Any], bool]], rows: Sequence[Any], more: Sequence[Filled] = ()
) -> tuple[list[Any], bool]:
    """The objects of all these rows, and whether some are None because nothing is in them."""
    members: list[Filled] = list(more)
    for name, below in tree.items():
        values, gaps = _combined(below, found, rows) if isinstance(below, dict) else found[below]
        members.append((name, values, gaps))
    whole = dict.fromkeys(name for name, _, gaps in members if not gaps)
    objects: list[Any] = [whole.copy() for _ in rows]  # with all keys at once, which is faster than a key after the other
    for name, values, gaps in members:
        if gaps:
            for each, value in zip(objects, values):  # noqa: B905  the hot path: all are as long as each other
                if value is not None:
                    each[name] = value
        else:
            for each, value in zip(objects, values):  # noqa: B905  the same
                each[name] = value
    return (objects, False) if whole else ([each or None for each in objects], True)
