"""Trees of any shape, and the text of a tree: the parser's way back."""

from decimal import Decimal
from random import Random

from hypothesis import strategies as st

from domain.query.tree import Bool, Boost, Exists, Fuzzy, MatchAll, Phrase, Query, Range, Regex, Term, Wildcard

SPECIAL = set('+-!(){}[]^"~*?:\\/<>&|')
TEXT = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from([*sorted(SPECIAL), " ", "\n", "\u3000", "u", "0"]), max_size=8
)
TERM = st.sampled_from(
    ("AND", "OR", "NOT", "TO", "2019-05-01T10:30:05.123+02:00", "now-1d/d", "-1.5e-7", "u0041", "*")
) | TEXT.filter(bool)
PATH = st.just("") | TERM.filter(lambda path: path != "_exists_" and path.strip("*"))
NAMED = PATH.filter(bool)


def escaped(text: str) -> str:
    """The text so that no character of it has a meaning."""
    plain = "".join(f"\\{character}" if character in SPECIAL or character.isspace() else character for character in text)
    return f"\\{plain}" if plain in ("AND", "OR", "NOT", "TO") else plain


def quoted(text: str) -> str:
    """The text between quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


BOUND = st.none() | TEXT
CHARACTER = st.characters(exclude_categories=["Cs"])
PLAIN = CHARACTER.filter(lambda character: character not in "/\\")
WILD = st.lists(st.sampled_from("*?") | TERM.map(lambda text: escaped(text)), min_size=1).map("".join)
REGEX = st.lists(PLAIN | CHARACTER.filter(lambda character: character != "u").map("\\{}".format)).map("".join)
LEAVES: tuple[st.SearchStrategy[Query], ...] = (
    st.just(MatchAll()),
    st.builds(Term, path=PATH, text=TERM),
    st.builds(Phrase, path=PATH, text=TEXT, slop=st.integers(0, 99)),
    st.builds(Wildcard, path=PATH, pattern=WILD.filter(lambda text: text.strip("*") and has_wildcard(text))),
    st.builds(Regex, path=PATH, pattern=REGEX),
    st.builds(Fuzzy, path=PATH, text=TERM, edits=st.sampled_from((None, 0, 1, 2))),
    st.builds(Range, path=PATH, lower=BOUND, upper=BOUND, include_lower=st.booleans(), include_upper=st.booleans()),
    st.builds(Exists, path=NAMED),
)


@st.composite
def trees(draw: st.DrawFn, deepest: int = 4) -> Query:
    """A tree that a query can have."""
    sort = draw(st.sampled_from(("leaf", "leaf", "boost", "bool"))) if deepest else "leaf"
    if sort == "leaf":
        return draw(st.sampled_from(LEAVES).flatmap(lambda leaf: leaf))
    if sort == "boost":
        return Boost(query=draw(trees(deepest - 1)), factor=draw(st.floats(0, 1e300, allow_subnormal=False)))
    must, should, must_not = (tuple(draw(st.lists(trees(deepest - 1), max_size=2))) for _ in range(3))
    combined = Bool(must=must, should=should, must_not=must_not)
    return combined if _can_be_written(combined) else Bool(must_not=(draw(trees(deepest - 1)),))


def _can_be_written(query: Bool) -> bool:
    """A single clause is no combination; one required clause beside one optional can't be said."""
    must, should, must_not = len(query.must), len(query.should), len(query.must_not)
    return must + should + must_not > (0 if must_not else 1) and not (must == 1 and should == 1)


def has_wildcard(pattern: str) -> bool:
    """Whether a `*` or `?` in it has no backslash before it."""
    characters = iter(pattern)
    return any(character in "*?" for character in characters if character != "\\" or not next(characters))


def written(query: Query, chosen: Random) -> str:
    """A text that means the tree, in one of the ways that there are."""
    match query:
        case Boost(query=inner, factor=factor):
            return f"{_enclosed(inner, chosen)}^{Decimal(factor):f}"
        case Bool():
            return _combination(query, chosen)
        case MatchAll():
            return chosen.choice(("*", "*:*", "(*)", "**:***"))
        case Exists(path=path):
            return chosen.choice(
                (f"_exists_:{escaped(path)}", f"_exists_:{quoted(path)}", f"{escaped(path)}:*", f"_exists_:({escaped(path)})")
            )
        case Term() | Phrase() | Wildcard() | Regex() | Fuzzy() | Range():
            value = _value(query, chosen)
            return (
                chosen.choice(
                    (f"{escaped(query.path)}:{value}", f"{escaped(query.path)} : {value}", f"{escaped(query.path)}:({value})")
                )
                if query.path
                else value
            )
    raise TypeError(query)


def _value(query: Term | Phrase | Wildcard | Regex | Fuzzy | Range, chosen: Random) -> str:
    match query:
        case Term(text=text):
            numbered = "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 and chosen.random() < 0.3 else escaped(c) for c in text)
            return chosen.choice((escaped(text), f"\\{numbered}" if numbered in ("AND", "OR", "NOT") else numbered))
        case Phrase(text=text, slop=slop):
            return quoted(text) + (f"~{slop}" if slop or chosen.random() < 0.5 else "")
        case Wildcard(pattern=pattern):
            return pattern
        case Regex(pattern=pattern):
            return f"/{pattern}/"
        case Fuzzy(text=text, edits=edits):
            return f"{escaped(text)}~{'' if edits is None else edits}"
    return _range(query, chosen)


def _range(query: Range, chosen: Random) -> str:
    if query.upper is None and query.include_upper and query.lower and chosen.random() < 0.5:
        return f">{'=' * query.include_lower}{escaped(query.lower)}"
    if query.lower is None and query.include_lower and query.upper and chosen.random() < 0.5:
        return f"<{'=' * query.include_upper}{escaped(query.upper)}"
    lower, upper = (
        "*" if bound is None else escaped(bound) if bound and chosen.random() < 0.5 else quoted(bound)
        for bound in (query.lower, query.upper)
    )
    space = chosen.choice(("", " ", "\n"))
    return f"{'{['[query.include_lower]}{space}{lower} {space}TO {upper}{space}{'}]'[query.include_upper]}"


def _enclosed(query: Query, chosen: Random) -> str:
    text = written(query, chosen)
    return f"({text})" if isinstance(query, Bool | Boost) or chosen.random() < 0.2 else text


def _combination(query: Bool, chosen: Random) -> str:
    """What is excluded comes first. OR makes the clause before it optional, AND makes it required, and the later one wins."""
    must, should, must_not = ([_enclosed(each, chosen) for each in part] for part in (query.must, query.should, query.must_not))
    both, either = chosen.choice((" AND ", " && ")), chosen.choice((" OR ", " || "))
    excluded = both.join(chosen.choice(("NOT ", "!", "-")) + each for each in must_not)
    if not should:
        return chosen.choice((both, " ")).join(filter(bool, (excluded, both.join(must))))
    if len(should) == 1:
        return either.join(filter(bool, (excluded, *should, both.join(must))))
    return both.join(filter(bool, (excluded, *must, either.join(should))))
