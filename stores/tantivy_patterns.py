"""Patterns, and ranges of words, as regular expressions of tantivy's."""

from domain.query_patterns import Characters, Pattern
from domain.query_values import Bounds

LAST = "\\x{10FFFF}"
LONGEST_BOUND = 256
"""Characters of a word that bounds a range; what is behind them is compared too, but a regular expression can't get longer."""


def regex_of(pattern: Pattern) -> str:
    """The regular expression of a pattern."""
    return "(?s)" + "".join(_class(part) if isinstance(part, Characters) else _part(part) for part in pattern)


def _part(part: str) -> str:
    return _literal(part[1:]) if part.startswith("=") else part


def _literal(character: str) -> str:
    return character if character.isascii() and character.isalnum() else f"\\x{{{ord(character):X}}}"


def _class(part: Characters) -> str:
    ranges = "".join(f"{_literal(first)}-{_literal(last)}" for first, last in part.ranges)
    return f"[{'^' if part.negated else ''}{ranges}]"


def regex_between(bounds: Bounds) -> str | None:
    """The regular expression of all words within bounds, ordered by code points; None where it would be too long."""
    lower, upper = bounds.lower, bounds.upper
    if len(str(lower or "")) > LONGEST_BOUND or len(str(upper or "")) > LONGEST_BOUND:
        return None
    choices: list[str] = []
    if lower is None or upper is None:
        if lower is not None:
            choices = _from(str(lower), bounds.include_lower)
        if upper is not None:
            choices = _until(str(upper), bounds.include_upper)
        return _any(choices, "")
    first, last = str(lower), str(upper)
    same = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    start, rest, end = first[:same], first[same:], last[same:]
    if not end:  # then both are the same word
        return _any(["()"], start)
    if rest:
        choices = [_literal(rest[0]) + choice for choice in _from(rest[1:], bounds.include_lower)]
        choices += _chosen(chr(ord(rest[0]) + 1), end[0])
        choices += [_literal(end[0]) + choice for choice in _until(end[1:], bounds.include_upper)]
    else:  # `first` begins `last`
        choices = [choice for choice in _until(end, bounds.include_upper) if choice != "()" or bounds.include_lower]
    return _any(choices, start)


def _any(choices: list[str], start: str) -> str:
    return "(?s)" + "".join(map(_literal, start)) + "(" + "|".join(choices or ["[^\\x{0}-\\x{10FFFF}]"]) + ")"


def _chosen(first: str, before: str) -> list[str]:
    """What begins with a character from `first` to the one before `before`."""
    return [f"[{_literal(first)}-{_literal(chr(ord(before) - 1))}].*"] if first < before else []


def _from(word: str, included: bool) -> list[str]:
    """Choices for what is not smaller than `word` (or greater)."""
    choices = ["".join(map(_literal, word)) + (".*" if included else ".+")]
    for n, character in enumerate(word):
        if ord(character) < 0x10FFFF:
            choices.append("".join(map(_literal, word[:n])) + f"[{_literal(chr(ord(character) + 1))}-{LAST}].*")
    return choices


def _until(word: str, included: bool) -> list[str]:
    """Choices for what is not greater than `word` (or smaller)."""
    choices = ["".join(map(_literal, word)) or "()"] if included else []
    for n, character in enumerate(word):
        start = "".join(map(_literal, word[:n]))
        choices.append(start or "()")
        if ord(character) > 0:
            choices.append(start + f"[\\x{{0}}-{_literal(chr(ord(character) - 1))}].*")
    return choices
