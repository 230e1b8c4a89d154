"""Wildcards and regular expressions, taken apart so that each engine can have them in its own dialect.

A pattern always describes a whole term. Regular expressions have what both engines mean alike: characters, `.`, `[a-z]`, `[^a-z]`,
`\\d \\w \\s` and their capitals (ASCII), groups, `|`, `* + ? {n} {n,} {n,m}`, and a backslash before what is no letter or digit.
"""

import re

import msgspec

from domain.errors import QueryInvalid

LONGEST = 1000
"""Characters of a pattern."""
BIGGEST = 2000
"""Characters of a pattern with its repetitions written out."""
DEEPEST = 20

CLASSES = {
    "d": (("0", "9"),),
    "w": (("a", "z"), ("A", "Z"), ("0", "9"), ("_", "_")),
    "s": ((" ", " "), ("\t", "\t"), ("\n", "\n"), ("\r", "\r")),
}
REPEAT = re.compile(r"\*|\+|\?|\{(\d{1,4})(?:(,)(\d{1,4})?)?\}", re.ASCII)
ELSEWHERE = {
    "^": "a pattern describes the whole term, so it needs no ^",
    "$": "a pattern describes the whole term, so it needs no $",
    **{sign: f'{sign} is not supported; for the character itself write "\\{sign}"' for sign in '~&@#<>"'},
    **{sign: f'nothing stands before {sign}; for the character itself write "\\{sign}"' for sign in "*+?{}]"},
}


class Characters(msgspec.Struct, frozen=True):
    """One character out of ranges, or out of none of them."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool = False


Part = str | Characters
"""A character class, a syntax sign (`( ) | . .* {2,3}` …) or, behind `=`, a literal character."""
Pattern = tuple[Part, ...]


def wildcard(text: str) -> Pattern:
    """The pattern of a term with `*` and `?`."""
    parts: list[Part] = []
    escaped = False
    for character in text:
        if escaped or character not in "*?\\":
            parts.append("=" + character)
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == "*" and parts[-1:] != [".*"]:
            parts.append(".*")
        elif character == "?":
            parts.append(".")
    return tuple(parts)


def glob(path: str) -> str:
    """The regular expression, of Python's, of the paths that fit one in which `*` stands for any characters. It never tries a part
    again that it has found, as whoever sends a hundred stars would have it do."""
    first, *rest = map(re.escape, path.split("*"))
    if not rest:
        return first
    return first + "".join(f"(?>.*?{part})" for part in rest[:-1] if part) + ".*" + rest[-1]


def regular(text: str, position: int) -> Pattern:
    """The pattern of a regular expression. Raises QueryInvalid with the place in the query, `position` being that of the slash."""
    if len(text) > LONGEST:
        raise QueryInvalid(f"the regular expression is longer than {LONGEST} characters", position)
    reader = _Reader(text, position + 1)
    parts, size = reader.alternatives(0)
    if reader.at < len(text):
        raise reader.refused("there is no parenthesis to close")
    if size > BIGGEST:
        raise QueryInvalid("the regular expression repeats too much", position)
    return tuple(parts)


def lowered(pattern: Pattern) -> Pattern:
    """The pattern for terms that were put into lower case."""
    return tuple(_lower_class(part) if isinstance(part, Characters) else _lower(part) for part in pattern)


def _lower(part: str) -> str:
    return "=" + lower(part[1:]) if part.startswith("=") else part


def lower(text: str) -> str:
    """In lower case, as Lucene does it: each character by itself, and each stays a single one, so `İ` is `i`."""
    return text.lower() if text.isascii() else "".join(character.lower()[0] for character in text)


def _lower_class(part: Characters) -> Characters:
    ranges = []
    for first, last in part.ranges:
        start, end = max(first, "A"), min(last, "Z")
        if start <= end:
            ranges.append((start.lower(), end.lower()))
        if first != start or last != end:
            ranges.append((first, last) if first != last else (lower(first), lower(first)))
    return Characters(tuple(dict.fromkeys(ranges)), part.negated)


class _Reader:
    """Reads a regular expression from left to right; sizes count characters with repetitions written out."""

    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.position = position
        self.at = 0

    def refused(self, message: str) -> QueryInvalid:
        return QueryInvalid(message, self.position + self.at)

    def alternatives(self, depth: int) -> tuple[list[Part], int]:
        if depth > DEEPEST:
            raise self.refused(f"more than {DEEPEST} groups stand in each other")
        parts, size = self.sequence(depth)
        while self.text[self.at : self.at + 1] == "|":
            self.at += 1
            more, bigger = self.sequence(depth)
            parts += ["|", *more]
            size += bigger
        return parts, size

    def sequence(self, depth: int) -> tuple[list[Part], int]:
        parts: list[Part] = []
        size = 0
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            piece, weight = self.piece(depth)
            repeated, times = self.repeated()
            parts += [*piece, *repeated]
            size += weight * times
        if not parts:
            raise self.refused("an alternative of the regular expression is empty")
        return parts, size

    def piece(self, depth: int) -> tuple[list[Part], int]:
        character = self.text[self.at]
        if character == "(":
            self.at += 1
            parts, size = self.alternatives(depth + 1)
            if self.text[self.at : self.at + 1] != ")":
                raise self.refused("a parenthesis of the regular expression is not closed")
            self.at += 1
            return ["(", *parts, ")"], size
        if character == "[":
            return [self.characters()], 1
        if character in ELSEWHERE:
            raise self.refused(ELSEWHERE[character])
        if character == "\\":
            return [self.escaped()], 1
        self.at += 1
        return ["." if character == "." else "=" + character], 1

    def repeated(self) -> tuple[list[Part], int]:
        match = REPEAT.match(self.text, self.at)
        if match is None:
            if self.text[self.at : self.at + 1] == "{":
                raise self.refused("a repetition is {n}, {n,} or {n,m}")
            return [], 1
        least, most = int(match[1] or 0), int(match[3] or match[1] or 1)
        if most < least:
            raise self.refused("a repetition goes from the smaller to the bigger number")
        self.at = match.end()
        if REPEAT.match(self.text, self.at):
            raise self.refused("a repetition can't be repeated without parentheses")
        return [match[0]], max(most, 1)

    def escaped(self) -> Part:
        """A literal character, or a class such as \\d."""
        character = self.text[self.at + 1 : self.at + 2]
        if character.lower() in CLASSES:
            self.at += 2
            return Characters(CLASSES[character.lower()], character.isupper())
        if not character or (character.isascii() and character.isalnum()):
            raise self.refused(f'"\\{character}" has no meaning in a regular expression')
        self.at += 2
        return "=" + character

    def characters(self) -> Characters:
        """`[…]`."""
        start, ranges = self.at, list[tuple[str, str]]()
        self.at += 1
        negated = self.text[self.at : self.at + 1] == "^"
        self.at += negated
        while self.at < len(self.text) and self.text[self.at] != "]":
            first = self.member()
            if isinstance(first, Characters):
                if first.negated:
                    raise self.refused("a class of other characters can't stand in brackets")
                ranges += first.ranges
                continue
            last = first
            if self.text[self.at : self.at + 1] == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                end = self.member()
                if isinstance(end, Characters) or end < first:
                    raise self.refused("a range in brackets goes from the smaller to the bigger character")
                last = end
            ranges.append((first, last))
        if self.at >= len(self.text) or not ranges:
            self.at = start
            raise self.refused("the bracket is not closed, or there is nothing in it")
        self.at += 1
        return Characters(tuple(ranges), negated)

    def member(self) -> str | Characters:
        if self.text[self.at] == "\\":
            part = self.escaped()
            return part[1:] if isinstance(part, str) else part
        self.at += 1
        return self.text[self.at - 1]
