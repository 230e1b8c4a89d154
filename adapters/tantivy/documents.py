"""Flattens JSON documents into what tantivy indexes, with Elasticsearch's coercions and refusals."""

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson

from adapters.tantivy.floats import code_of_double, code_of_float
from adapters.tantivy.schema import PATHS, largest, least, name_of
from adapters.tantivy.words import Words
from domain.errors import LeatError
from domain.query.dates import stored_instant
from domain.query.mappings import DEFAULT, Field, is_blank
from domain.query.patterns import lower
from domain.query.plan import Fields
from domain.query.values import LIMITS, NUMBER

Flat = dict[str, Any]
"""Values by the name of the field: a value, or a list of several."""
Put = Callable[[Any, Flat], None]

YEARS = range(1000, 10_000)
"""Numbers that a date field takes for years, as it does their digits in text; others are milliseconds."""
LONGEST = 32_766
"""Bytes of a keyword: Elasticsearch's limit."""


STILL_KEPT = "index: false keeps values to sort and count by, so they must fit; of a path that is not mapped they may be anything"


class Unfit(LeatError):
    """A value does not fit its field."""


class Flattener:
    """Turns documents of one mapping into flat ones; compiled once, so that a document costs little more than its values."""

    def __init__(self, fields: Fields) -> None:
        self._words = Words()
        self._sorted = {
            name_of(field.path): (field.type == "keyword" and not field.case_sensitive, least(field.path), largest(field.path))
            for field in fields.indexed.values()
            if field.type != "text"
        }
        self._texts = frozenset({DEFAULT, *(name_of(field.path) for field in fields.indexed.values() if field.type == "text")})
        self.several: set[str] = set()
        """Names of fields that had several values in one document."""
        self._fields = fields
        tree: dict[str, Any] = {}
        for field in fields.all.values():
            if field.path in fields.indexed or field.type == "text" or field.searched_by_default or field.copied_to:
                *parents, name = field.path.split(".")
                level = tree
                for parent in parents:
                    level = level.setdefault(parent, {})
                level[name] = field
        self._tree = {name: self._compiled(name, inner) for name, inner in tree.items()}

    def flat(self, document: dict[str, Any]) -> Flat:
        """The values by the names of tantivy's fields. Raises Unfit naming the path."""
        values: Flat = {}
        for key, item in document.items():
            if (put := self._tree.get(key)) is not None:
                put(item, values)
            elif "." in key:
                _dotted(key, item, self._tree, values)
        texts = self._texts & values.keys()
        if list in map(type, values.values()):
            for name in [name for name, found in values.items() if type(found) is list]:
                self._arrange(name, values)
        if texts:  # of all other fields tantivy knows itself which documents have a value
            values[PATHS] = list(texts)
        return values

    def texts(self, document: dict[str, Any], name: str) -> list[str]:
        """The texts of one field, one by one."""
        found = self.flat(document).get(name, [])
        return found if type(found) is list else [found]

    def _arrange(self, name: str, values: Flat) -> None:
        """Several values in order, each once, with the smallest and the largest apart, for sorting and facets."""
        if name not in self._sorted:
            self.several.add(name)
            return
        folded, smallest, greatest = self._sorted[name]
        found = values[name]
        if folded:
            found = [value.lower() if value.isascii() else lower(value) for value in found]
        values[name] = found = sorted(set(found))
        if len(found) > 1:
            self.several.add(name)
            values[smallest], values[greatest] = found[0], found[-1]

    def _compiled(self, path: str, inner: Field | dict[str, Any]) -> Put:
        if isinstance(inner, Field):
            return self._leaf(inner)
        tree = {name: self._compiled(f"{path}.{name}", below) for name, below in inner.items()}
        inside = tree.get

        def put(value: Any, values: Flat) -> None:
            if type(value) is dict:
                for key, item in value.items():
                    if (below := inside(key)) is not None:
                        below(item, values)
                    elif "." in key:
                        _dotted(key, item, tree, values)
            elif type(value) is list:
                for item in value:
                    put(item, values)
            elif value is not None:
                raise Unfit(f"{path}: an object is mapped here, {_shown(value)} is none")

        return put

    def _leaf(self, field: Field) -> Put:
        convert = self._converter(field) if field.path in self._fields.indexed else None
        name, spaced = name_of(field.path), self._words.spaced
        copied = DEFAULT if field.searched_by_default else ""
        targets = [self._fields.indexed[path] for path in field.copied_to if path in self._fields.indexed]
        copies = [(name_of(target.path), self._converter(target)) for target in targets]

        def put(value: Any, values: Flat) -> None:
            if type(value) is list:
                for item in value:
                    put(item, values)
                return
            if value is None:
                return
            if type(value) is dict:
                raise Unfit(f"{field.path}: a value is mapped here, not an object{'' if field.indexed else f' ({STILL_KEPT})'}")
            if convert is not None and (converted := convert(value)) is not None:
                _append(values, name, converted)
            if copied:
                _append(values, copied, spaced(value if type(value) is str else orjson.dumps(value).decode()))
            for target, convert_for in copies:
                if (converted := convert_for(value)) is not None:
                    _append(values, target, converted)

        return put if copied or copies or convert is None else _shortcut(field, name, put)

    def _converter(self, field: Field) -> Callable[[Any], Any]:
        return self._typed(field) if field.indexed else _explained(self._typed(field))

    def _typed(self, field: Field) -> Callable[[Any], Any]:
        if field.type == "text":
            return _text(self._words.spaced if field.analyzer == "standard" else str)
        if field.type == "keyword":
            return _keyword(field)
        if field.type == "boolean":
            return _boolean(field.path)
        if field.type == "date":
            return _date(field.path)
        return _whole(field) if field.type in LIMITS else _floating(field)


def _shortcut(field: Field, name: str, put: Put) -> Put:
    """The same, with the most common values, which need no conversion, taken out of the way first."""
    if field.type == "keyword":
        longest = field.ignore_above or LONGEST // 4

        def put_keyword(value: Any, values: Flat) -> None:
            if type(value) is str and len(value) <= longest:
                if name in values:
                    _append(values, name, value)
                else:
                    values[name] = value
            else:
                put(value, values)

        return put_keyword
    if field.type in ("integer", "long"):
        lowest, highest = LIMITS[field.type]

        def put_whole(value: Any, values: Flat) -> None:
            if type(value) is int and lowest <= value <= highest:
                if name in values:
                    _append(values, name, value)
                else:
                    values[name] = value
            else:
                put(value, values)

        return put_whole
    return put


def _append(values: Flat, name: str, value: Any) -> None:
    found = values.get(name)
    if found is None:
        values[name] = value
    elif type(found) is list:
        found.append(value)
    else:
        values[name] = [found, value]


def _dotted(key: str, value: Any, tree: dict[str, Put], values: Flat) -> None:
    """Elasticsearch reads a key `a.b` as an object `a` with `b` in it; no field has a blank name."""
    first, _, rest = key.partition(".")
    if first in tree and not is_blank(key):
        tree[first]({rest: value}, values)


def _shown(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= 80 else text[:77] + "…"


def _text(spaced: Callable[[str], str]) -> Callable[[Any], str]:
    return lambda value: spaced(value if type(value) is str else orjson.dumps(value).decode())


def _keyword(field: Field) -> Callable[[Any], str | None]:
    limit, path = field.ignore_above, field.path

    def convert(value: Any) -> str | None:
        text: str = value if type(value) is str else orjson.dumps(value).decode()
        if limit and len(text) > limit:
            return None
        if len(text) > LONGEST // 4 and len(text.encode()) > LONGEST:
            raise Unfit(f"{path}: a keyword of more than {LONGEST} bytes")
        return text

    return convert


def _explained(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same, where somebody may wonder why values of a field that is not indexed are looked at."""

    def converted(value: Any) -> Any:
        try:
            return convert(value)
        except Unfit as error:
            raise Unfit(f"{error.message} ({STILL_KEPT})") from error

    return converted


def _boolean(path: str) -> Callable[[Any], int]:
    meaning = {True: 1, False: 0, "true": 1, "false": 0, "": 0}

    def convert(value: Any) -> int:
        if type(value) in (bool, str) and value in meaning:
            return meaning[value]
        raise Unfit(f"{path}: {_shown(value)} is no boolean")

    return convert


def _date(path: str) -> Callable[[Any], int]:
    def convert(value: Any) -> int:
        if type(value) is int and value not in YEARS:
            return value
        try:
            return stored_instant(value if type(value) is str else orjson.dumps(value).decode())
        except ValueError:
            raise Unfit(f"{path}: {_shown(value)} is no date") from None

    return convert


def _whole(field: Field) -> Callable[[Any], int | None]:
    path, (lowest, highest) = field.path, LIMITS[field.type]

    def convert(value: Any) -> int | None:
        number = value
        if type(value) is not int:
            if value == "":
                return None
            number = _number(path, value)
            if lowest - 1 < number < highest + 1:  # only then: it might have thousands of digits
                number = math.trunc(number)
        if lowest <= number <= highest:
            return int(number)
        raise Unfit(f"{path}: {_shown(value)} is out of the range of {field.type}")

    return convert


def _floating(field: Field) -> Callable[[Any], int | None]:
    path, code = field.path, code_of_float if field.type == "float" else code_of_double

    def convert(value: Any) -> int | None:
        number = value
        if type(value) is not float:
            if value == "":
                return None
            number = float(_number(path, value))
            if math.isinf(number):
                raise Unfit(f"{path}: {_shown(value)} is out of the range of {field.type}")
        try:
            return code(number)
        except OverflowError:
            raise Unfit(f"{path}: {_shown(value)} is out of the range of float") from None

    return convert


def _number(path: str, value: Any) -> int | float | Decimal:
    if type(value) in (int, float):
        number: int | float = value
        return number
    if type(value) is str and NUMBER.fullmatch(text := value.strip()):
        return Decimal(text)
    raise Unfit(f"{path}: {_shown(value)} is no number")
