"""Cuts the text of a query into tokens, in one pass."""

import re
from enum import Enum
from typing import NamedTuple

from domain.errors import QueryInvalid


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    """A term, perhaps a field's name; backslashes still in it."""
    WILD = "wild"
    """A term with `*` or `?` in it that no backslash takes back."""
    QUOTED = "quoted"
    REGEX = "regex"
    RANGE = "range"
    AND = "AND"
    OR = "OR"
    NOT = "NOT"
    PLUS = "+"
    MINUS = "-"
    OPEN = "("
    CLOSE = ")"
    COLON = ":"
    FUZZY = "~"
    BOOST = "^"
    END = "the end"


class Token(NamedTuple):
    """A piece of the query, without the marks around it."""

    kind: Kind
    text: str
    position: int


OPERATORS = {"AND": Kind.AND, "&&": Kind.AND, "OR": Kind.OR, "||": Kind.OR, "NOT": Kind.NOT}
MARKS = {"!": Kind.NOT, "+": Kind.PLUS, "-": Kind.MINUS, "(": Kind.OPEN, ")": Kind.CLOSE, ":": Kind.COLON}

SPACE = re.compile(r"\s+")
SYMBOL = re.compile(r"&&|\|\|")
# A character of a term: none that means something else, or any behind a backslash.
# `+`, `-` and `/` only mean something at its start.
INNER = r'(?:[^\s!():^\[\]"{}~\\]|\\.)'
WORD = re.compile(rf"(?![+\-/]){INNER}+", re.DOTALL)
# Directly behind `field:` a colon, a sign of a number have no other meaning than themselves: `_id:chr1:g.3G>C`, `pos:-5`.
VALUE = re.compile(rf"(?!/|[+-](?![0-9.]))(?:{INNER}|:)+", re.DOTALL)
WILD = re.compile(r"(?:[^\\]|\\.)*?[*?]", re.DOTALL)
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
REGEX = re.compile(r"/((?:[^/\\]|\\.)*)/", re.DOTALL)
RANGE = re.compile(r'[\[{](?:"(?:[^"\\]|\\.)*"|\\.|[^\]}"\\])*[\]}]', re.DOTALL)
FUZZY = re.compile(r"~([0-9]*\.?[0-9]*)")
BOOST = re.compile(r"\^([0-9]*\.?[0-9]*)")
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
HALF = re.compile(r"[\ud800-\udfff]")
"""Half of a character beyond U+FFFF, as UTF-16 has it: no text on its own, and no engine takes it."""
ENCLOSED = {
    '"': (Kind.QUOTED, QUOTED, "the quote is not closed"),
    "/": (Kind.REGEX, REGEX, 'the regular expression is not closed; for the character itself write "\\/"'),
    "[": (Kind.RANGE, RANGE, "the range is not closed"),
    "{": (Kind.RANGE, RANGE, "the range is not closed"),
    "~": (Kind.FUZZY, FUZZY, ""),
    "^": (Kind.BOOST, BOOST, ""),
}


def tokenize(text: str) -> list[Token]:
    """The tokens of a query, END as the last. Raises QueryInvalid where none begins."""
    _refuse_halves(text)
    tokens: list[Token] = []
    position, length = 0, len(text)
    while position < length:
        if space := SPACE.match(text, position):
            position = space.end()
            continue
        behind_colon = bool(tokens) and tokens[-1].kind is Kind.COLON and tokens[-1].position == position - 1
        token, position = _next(text, position, behind_colon)
        tokens.append(token)
    tokens.append(Token(Kind.END, "", length))
    return tokens


def _next(text: str, position: int, behind_colon: bool) -> tuple[Token, int]:
    first = text[position]
    if not behind_colon and (symbol := SYMBOL.match(text, position)):
        return Token(OPERATORS[symbol[0]], symbol[0], position), symbol.end()
    if word := (VALUE if behind_colon else WORD).match(text, position):
        found = word[0]
        kind = OPERATORS.get(found) or (Kind.WILD if WILD.match(found) else Kind.WORD)
        return Token(kind, found, position), word.end()
    if first in ENCLOSED:
        kind, pattern, problem = ENCLOSED[first]
        match = pattern.match(text, position)
        if match is None:
            raise QueryInvalid(problem, position)
        return Token(kind, match[1] if pattern.groups else match[0], position), match.end()
    if first in MARKS:
        return Token(MARKS[first], first, position), position + 1
    if first == "\\":
        raise QueryInvalid("a backslash needs a character behind it", position)
    raise QueryInvalid(f'{first!r} has no meaning here; for the character itself write "\\{first}"', position)


def unescape(text: str, before: str = "") -> str:
    """Without the backslashes: `\\:` is `:`, `\\u0041` is `A`; with `before` in the place of each."""
    return ESCAPE.sub(lambda match: before + _meant(match), text)


def _meant(escape: re.Match[str]) -> str:
    code, character = escape.groups()
    return chr(int(code, 16)) if code else character


def _refuse_halves(text: str) -> None:
    found = HALF.search(text) or next((escape for escape in ESCAPE.finditer(text) if HALF.match(_meant(escape))), None)
    if found:
        raise QueryInvalid("a surrogate is only half a character; write the character itself", found.start())
