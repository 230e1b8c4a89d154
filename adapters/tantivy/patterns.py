"""Patterns, and ranges of words, as regular expressions of tantivy's."""

from domain.query.patterns import Characters, Pattern
from domain.query.values import Bounds

GREATEST = "\U0010ffff"
LAST = "\\x{10FFFF}"
LONGEST_BOUND = 80
"""Characters of a word that bounds a range, behind what both have in common: tantivy's regular expressions nest 250 levels deep,
and each character takes three."""


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
    choices: list[str] = []
    if lower is None or upper is None:
        if len(str(lower or upper)) > LONGEST_BOUND:
            return None
        if lower is not None:
            choices = _from(str(lower), bounds.include_lower)
        if upper is not None:
            choices = _until(str(upper), bounds.include_upper)
        return _any(choices, "")
    first, last = str(lower), str(upper)
    same = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    start, rest, end = first[:same], first[same:], last[same:]
    if max(len(rest), len(end)) > LONGEST_BOUND:
        return None
    if not end:  # then both are the same word
        return _any(["()"], start)
    if rest:
        choices = [_literal(rest[0]) + choice for choice in _from(rest[1:], bounds.include_lower)]
        choices += _chosen(rest[0], end[0])
        choices += [_literal(end[0]) + choice for choice in _until(end[1:], bounds.include_upper)]
    else:  # `first` begins `last`
        choices = _until(end, bounds.include_upper, bounds.include_lower)
    return _any(choices, start)


def _any(choices: list[str], start: str) -> str:
    return "(?s)" + "".join(map(_literal, start)) + "(" + "|".join(choices or ["[^\\x{0}-\\x{10FFFF}]"]) + ")"


def _chosen(after: str, before: str) -> list[str]:
    """What begins with a character between these two."""
    first, last = _next(after), _previous(before)
    return [f"[\\x{{{first:X}}}-\\x{{{last:X}}}].*"] if first <= last else []


def _next(character: str) -> int:
    """The code point behind it; no character has those of surrogates."""
    return 0xE000 if character == "\ud7ff" else ord(character) + 1


def _previous(character: str) -> int:
    return 0xD7FF if character == "\ue000" else ord(character) - 1


def _from(word: str, included: bool) -> list[str]:
    """Choices for what is not smaller than `word` (or greater). What is not ASCII gets a choice of its own, since its class takes
    a dozen of the states that tantivy allows, and would do so at each character of the word."""
    plain = next((n for n, character in enumerate(word) if not character.isascii()), len(word))
    greater = "" if included else "."
    for n, character in reversed(list(enumerate(word))):
        more = _greater(character, "\x7f" if n < plain else GREATEST)
        greater = f"({_literal(character)}{greater}{more and '|' + more})"
    beyond = [f"{_beginnings(word[: plain - 1])}[\\x{{80}}-{LAST}].*"] if plain else []
    return [greater + ".*", *beyond]


def _until(word: str, included: bool, empty: bool = True) -> list[str]:
    """Choices for what is not greater than `word` (or smaller); nothing at all is among them where `empty` says so."""
    smaller = ""
    for character in reversed(word):
        less = [_less(character)] if character > "\0" else []
        less += [_literal(character) + smaller] if smaller else []
        smaller = f"({'|'.join(less)})" if less else ""
    choices = [smaller + ".*"] if smaller else []
    exact = word if included else word[:-1]
    if empty and (word or included):
        choices.append(_beginnings(exact) or "()")
    elif exact:
        choices.append(_literal(exact[0]) + _beginnings(exact[1:]))
    return choices


def _beginnings(word: str) -> str:
    """Nothing, the first character, the first two, and so on up to the word."""
    found = ""
    for character in reversed(word):
        found = f"({_literal(character)}{found})?"
    return found


def _greater(character: str, last: str) -> str:
    """The class of what is greater, up to `last`; nothing where nothing is."""
    return f"[\\x{{{_next(character):X}}}-\\x{{{ord(last):X}}}]" if character < last else ""


def _less(character: str) -> str:
    """The class of what is smaller."""
    return f"[\\x{{0}}-\\x{{{_previous(character):X}}}]"
