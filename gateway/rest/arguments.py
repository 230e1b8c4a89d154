"""Arguments of a request: URL query, form and JSON bodies, read as BioThings reads them."""

import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson
from aiohttp import web

from gateway.rest.answers import RequestInvalid

_TRUE = frozenset({"true", "yes", "y", "t"})
_SEPARATORS = re.compile(r"[ \t\n\r|,+]+")
_LIST_SIZE = 1000


class Arguments:
    """Every argument by name; an alias counts where the name itself is missing, and the last of several values."""

    def __init__(self, query: Mapping[str, str], body: Mapping[str, Any] | None = None, size: int = 0) -> None:
        self.query = query
        self.body = body or {}
        self.size = size
        """Bytes of the body: what it may cost to read them."""

    def _find(self, names: tuple[str, ...]) -> tuple[Any, bool]:
        """(value, whether it is text of the URL or a form); None where it is missing."""
        for name in names:
            if name in self.query:
                return self.query[name], True
            if name in self.body:
                value = self.body[name]
                return value, isinstance(value, str)
        return None, False

    def text(self, *names: str) -> str | None:
        """A string."""
        value, _ = self._find(names)
        if value is not None and not isinstance(value, str):
            raise RequestInvalid("Expect type str.", keyword=names[0])
        return value

    def integer(self, *names: str, default: int, most: int) -> int:
        """A whole number from 0 to `most`."""
        value, textual = self._find(names)
        if value is None:
            return default
        if (textual and re.fullmatch(r"[+-]?[0-9]{1,18}", value.strip())) or (isinstance(value, float) and value.is_integer()):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise RequestInvalid("Expect type int.", keyword=names[0])
        if value < 0:
            raise RequestInvalid("It can't be negative.", keyword=names[0], num=value)
        if value > most:
            raise RequestInvalid("It is too large.", keyword=names[0], num=value, max=most)
        return value

    def flag(self, *names: str, default: bool = False) -> bool:
        """A boolean; an empty value in the URL (`?dotfield`) is true."""
        value, textual = self._find(names)
        if value is None:
            return default
        if not textual:
            if isinstance(value, bool):
                return value
            raise RequestInvalid("Expect type bool.", keyword=names[0])
        with suppress(ValueError):
            return float(value) > 0
        return value == "" or value.lower() in _TRUE

    def items(self, *names: str, most: int = _LIST_SIZE) -> list[Any] | None:
        """A list; text is split at blanks, commas, `|` and `+`, and quotes keep phrases together."""
        value, textual = self._find(names)
        if value is None:
            return None
        if textual:
            value = split(value, names[0])
        elif not isinstance(value, list):
            value = [value]
        if len(value) > most:
            raise RequestInvalid("The list is too long.", keyword=names[0], size=len(value), max=most)
        return list(value)

    def strings(self, *names: str, most: int = _LIST_SIZE) -> list[str] | None:
        """A list whose members are strings; numbers of a JSON body become text."""
        found = self.items(*names, most=most)
        if found is None:
            return None
        if any(not isinstance(item, str | int | float) or isinstance(item, bool) for item in found):
            raise RequestInvalid("Expect a list of str.", keyword=names[0])
        return [str(item) for item in found]


def split(text: str, keyword: str) -> list[str]:
    """The members of a list that is written as text."""
    if '"' not in text and "'" not in text:
        return [item for item in _SEPARATORS.split(text) if item]
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace = " \t\n\r|,+"
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.quotes = '"' if '"' in text else "'"
    lexer.escape = "\\" if '\\"' in text else ""
    try:
        return list(lexer)
    except ValueError as error:
        raise RequestInvalid(str(error), keyword=keyword) from error


async def read_arguments(request: web.Request) -> Arguments:
    """All arguments of the request; raises RequestInvalid for a body that can't be read."""
    if request.method not in ("POST", "PUT"):
        return Arguments(_last(request))
    is_json, is_parts = request.content_type == "application/json", request.content_type.startswith("multipart/")
    try:
        size = request.client_max_size if is_parts else len(await request.read())
        body = await _json(request) if is_json else dict((await request.post()).items())
    except orjson.JSONDecodeError as error:
        raise RequestInvalid(str(error), error="Invalid JSON body.") from error
    except (ValueError, LookupError, web.RequestPayloadError) as error:  # what is wrong with a form, a charset or a compression
        raise RequestInvalid(str(error), error="Invalid body.") from error
    return Arguments(
        _last(request), body if is_json else {key: value for key, value in body.items() if isinstance(value, str)}, size
    )


async def _json(request: web.Request) -> dict[str, Any]:
    """The object of a JSON body; an empty one, and what is no object, has no arguments."""
    content = await request.read()
    body = orjson.loads(content) if content.strip() else {}
    return body if isinstance(body, dict) else {}


def _last(request: web.Request) -> dict[str, str]:
    return dict(request.query.items())
