"""Builds the tree of a query from its text, combining clauses as Lucene does (docs/queries.md)."""

import math
import re

from domain.errors import QueryInvalid
from domain.query.tokens import Kind, Token, tokenize, unescape
from domain.query.tree import Bool, Boost, Exists, Fuzzy, MatchAll, MatchNone, Phrase, Query, Range, Regex, Term, Wildcard

LONGEST = 65_536
"""Characters of a query; a longer list of ids belongs in a POST."""
DEEPEST = 20
"""Parentheses in parentheses; Elasticsearch allows 30 levels, and a pair may need one more."""
MOST = 1024
"""Clauses of a query: what every Elasticsearch allows, however small."""
WIDEST_SLOP = 99
"""Elasticsearch puts 100 positions between the values of a list: a wider slop would reach from one into the next."""

BOUND = re.compile(r'\s*("(?:[^"\\]|\\.)*"|(?:[^\s"\]}\\]|\\.)+)\s*', re.DOTALL)
COMPARISON = re.compile(r"([<>]=?)(.*)", re.DOTALL)
BARE = frozenset((Kind.WORD, Kind.WILD))
NEVER_BEHIND_A_RUN = frozenset((Kind.COLON, Kind.FUZZY, Kind.BOOST, Kind.AND, Kind.OR))
MODIFIERS = frozenset((Kind.PLUS, Kind.MINUS, Kind.NOT))


def parse(text: str, *, either: bool = False) -> Query:
    """The tree of a query in Lucene syntax; MatchNone for an empty one. `either`: clauses and words without an operator between
    them are joined by OR, not by AND. Raises QueryInvalid with the position."""
    if len(text) > LONGEST:
        raise QueryInvalid(f"the query is longer than {LONGEST} characters", LONGEST)
    parser = _Parser(tokenize(text), either)
    if parser.peek().kind is Kind.END:
        return MatchNone()
    query = parser.clauses("", 0)
    if parser.peek().kind is not Kind.END:
        raise parser.unexpected()
    return query


class _Clauses:
    """The clauses between one pair of parentheses, each in the role that Lucene gives it where AND, or `either`, is the default."""

    def __init__(self, either: bool) -> None:
        self.either = either
        self.roles: list[str] = []
        self.queries: list[Query] = []
        self.conjunctions: set[Kind] = set()
        self.or_not = False

    def add(self, query: Query, conjunction: Kind | None, modifier: Kind | None) -> None:
        excluded = modifier in (Kind.MINUS, Kind.NOT)
        changes = conjunction is Kind.AND or (conjunction is Kind.OR and not self.either)
        if changes and self.roles[-1] != "must_not":
            self.roles[-1] = "must" if conjunction is Kind.AND else "should"
        if self.queries:
            self.conjunctions.add(conjunction or (Kind.OR if self.either else Kind.AND))
            self.or_not = self.or_not or (conjunction is Kind.OR and excluded)
        required = (conjunction is Kind.AND or modifier is Kind.PLUS) if self.either else conjunction is not Kind.OR
        self.roles.append("must_not" if excluded else "must" if required else "should")
        self.queries.append(query)

    def combined(self, position: int) -> Query:
        if self.roles in (["must"], ["should"]):
            return self.queries[0]
        parts: dict[str, list[Query]] = {"must": [], "should": [], "must_not": []}
        for role, query in zip(self.roles, self.queries, strict=True):
            parts[role].append(query)
        mixed = self.or_not or len(self.conjunctions) > 1
        return Bool(position=position, mixed=mixed, **{role: tuple(queries) for role, queries in parts.items()})


class _Parser:
    def __init__(self, tokens: list[Token], either: bool) -> None:
        self.tokens = tokens
        self.either = either
        self.at = 0
        self.count = 0

    def peek(self, ahead: int = 0) -> Token:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def take(self, *kinds: Kind) -> Token | None:
        token = self.peek()
        if token.kind not in kinds:
            return None
        self.at += 1
        return token

    def unexpected(self) -> QueryInvalid:
        token = self.peek()
        if token.kind is Kind.END:
            return QueryInvalid("the query ends where a term was expected", token.position)
        what = token.kind.value if token.kind in (Kind.FUZZY, Kind.BOOST) else token.text
        return QueryInvalid(f"{what} is not expected here", token.position)

    def clauses(self, path: str, depth: int) -> Query:
        """Clauses up to a closing parenthesis or the end, looking at `path` unless they name another."""
        if depth > DEEPEST:
            raise QueryInvalid(f"more than {DEEPEST} parentheses stand in each other", self.peek().position)
        clauses, start = _Clauses(self.either), self.peek().position
        while not clauses.queries or self.peek().kind not in (Kind.CLOSE, Kind.END):
            conjunction = self.take(Kind.AND, Kind.OR) if clauses.queries else None
            modifier = self.take(*MODIFIERS)
            query = self.clause(path, depth, joins=not conjunction and not modifier)
            clauses.add(query, conjunction and conjunction.kind, modifier and modifier.kind)
        return clauses.combined(start)

    def clause(self, path: str, depth: int, joins: bool) -> Query:
        self.count += 1
        if self.count > MOST:
            raise QueryInvalid(f"the query has more than {MOST} clauses", self.peek().position)
        if self.peek().kind in BARE and self.peek(1).kind is Kind.COLON:
            path, joins = unescape(self.peek().text), False
            self.at += 2
        if opening := self.take(Kind.OPEN):
            query = self.clauses(path, depth + 1)
            if not self.take(Kind.CLOSE):
                raise QueryInvalid("the parenthesis is not closed", opening.position)
        else:
            query = self.leaf(path, joins)
        return self.boosted(query)

    def boosted(self, query: Query) -> Query:
        boost = self.take(Kind.BOOST)
        if boost is None:
            return query
        factor = _number(boost, "a boost is ^ and a number")
        return Boost(position=boost.position, query=query, factor=factor)

    def leaf(self, path: str, joins: bool) -> Query:
        token = self.take(Kind.WORD, Kind.WILD, Kind.QUOTED, Kind.REGEX, Kind.RANGE)
        if token is None:
            raise self.unexpected()
        if path == "_exists_":
            return _existing(token)
        match token.kind:
            case Kind.QUOTED:
                return self.quoted(path, token)
            case Kind.REGEX:
                return Regex(position=token.position, path=path, pattern=token.text)
            case Kind.RANGE:
                return _range(path, token)
            case Kind.WILD:
                return self.wild(path, token)
        return self.word(path, token, joins)

    def quoted(self, path: str, token: Token) -> Query:
        text, slop = unescape(token.text), 0
        if tilde := self.take(Kind.FUZZY):
            problem = f"a phrase's slop is ~ and a whole number up to {WIDEST_SLOP}"
            wanted = _number(tilde, problem)
            slop = int(wanted)
            if slop != wanted or slop > WIDEST_SLOP:
                raise QueryInvalid(problem, tilde.position)
        return Phrase(position=token.position, path=path, text=text, slop=slop)

    def wild(self, path: str, token: Token) -> Query:
        if comparison := COMPARISON.fullmatch(token.text):
            return _compared(path, token, comparison)
        if self.peek().kind is Kind.FUZZY:
            raise QueryInvalid("a term is either fuzzy or has wildcards", self.peek().position)
        if token.text.strip("*"):
            return Wildcard(position=token.position, path=path, pattern=unescape(token.text, "\\"))
        if path.strip("*"):
            return Exists(position=token.position, path=path)
        return MatchAll(position=token.position)

    def word(self, path: str, token: Token, joins: bool) -> Query:
        if comparison := COMPARISON.fullmatch(token.text):
            return _compared(path, token, comparison)
        if tilde := self.take(Kind.FUZZY):
            return Fuzzy(position=token.position, path=path, text=unescape(token.text), edits=_edits(tilde))
        words = [unescape(token.text)]
        while joins and self.next_joins():
            words.append(unescape(self.peek().text))
            self.at += 1
        return Term(position=token.position, path=path, text=" ".join(words), either=self.either)

    def next_joins(self) -> bool:
        """Whether the next token is one more of a run of bare words, which Elasticsearch takes for one text."""
        token = self.peek()
        return token.kind is Kind.WORD and self.peek(1).kind not in NEVER_BEHIND_A_RUN and not COMPARISON.fullmatch(token.text)


def _existing(token: Token) -> Exists:
    path = unescape(token.text)
    compares = token.kind is not Kind.QUOTED and COMPARISON.fullmatch(token.text)
    if token.kind in (Kind.REGEX, Kind.RANGE) or compares or (token.kind is Kind.WILD and "?" in path) or not path:
        raise QueryInvalid("_exists_ takes a path, which may have * in it", token.position)
    return Exists(position=token.position, path=path)


def _number(token: Token, problem: str) -> float:
    try:
        number = float(token.text)
    except ValueError:
        raise QueryInvalid(problem, token.position) from None
    if not math.isfinite(number):
        raise QueryInvalid(problem, token.position)
    return number


def _edits(token: Token) -> int | None:
    if not token.text:
        return None
    if token.text not in ("0", "1", "2"):
        raise QueryInvalid("a fuzzy term ends with ~, ~0, ~1 or ~2", token.position)
    return int(token.text)


def _compared(path: str, token: Token, comparison: re.Match[str]) -> Range:
    sign, text = comparison[1], unescape(comparison[2])
    if not text:
        raise QueryInvalid(f"a value must follow {sign} without a space", token.position)
    include = sign.endswith("=")
    position = token.position + len(sign)
    if sign.startswith(">"):
        return Range(position=position, path=path, lower=text, include_lower=include)
    return Range(position=position, path=path, upper=text, include_upper=include)


def _range(path: str, token: Token) -> Range:
    text, bounds, at = token.text, [], 1
    for _ in range(3):
        match = BOUND.match(text, at)
        bounds.append(match[1] if match else "")
        at = match.end() if match else at
    if at != len(text) - 1 or bounds[1] != "TO" or not all(bounds):
        raise QueryInvalid("a range is [a TO b], {a TO b}, or a mix of both, with * for an open end", token.position)
    return Range(
        position=token.position,
        path=path,
        lower=_bound(bounds[0]),
        upper=_bound(bounds[2]),
        include_lower=text[0] == "[",
        include_upper=text[-1] == "]",
    )


def _bound(text: str) -> str | None:
    if text.startswith('"'):
        return unescape(text[1:-1])
    return None if text == "*" else unescape(text)
