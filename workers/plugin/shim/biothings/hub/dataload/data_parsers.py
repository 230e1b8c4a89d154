"""A reader of ontologies in OBO format, which hubs share between plugins. What it gives is what pending.api's reader of the same
name gives, which stands on obonet; only the order within sets of ids, which has no meaning, is ours."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from ...utils.common import anyfile  # noqa: TID252 (the package has another name in a plugin's process)

LINE = re.compile(r"(.+?):\s*(.*?)(?:\s\{[^{}]*\})?(?:\s!.*)?\s*")
"""Tag and value, without qualifiers in braces and a comment. As in obonet, a comment begins at the first ` !`, in quotes too."""
QUOTED = re.compile(r'"(.+?)"')
LINKS = frozenset(("http", "https"))
PREFIXED = frozenset(("DOID", "HP", "MP", "OBI", "EFO"))
"""Prefixes that cross references keep."""

Stanza = dict[str, list[str]]


def load_obo(data_folder: str, obofile: str, prefix: str | None = None) -> Iterator[dict[str, Any]]:
    """One document for each term, and for each id that a term refers to: `_id`, `label`, `definition` with its references,
    `synonym` (`exact` and `related`), `xrefs` and `relationships` by prefix in small letters, and `parents`, `children`,
    `ancestors` and `descendants` by `is_a`. Obsolete terms have `is_obsolete`, `replaced_by` and `consider`.

    With `prefix`, only ids that begin with it are given. Raises ValueError for a line that is no tag and value.
    """
    terms = _terms(os.path.join(data_folder, obofile))
    parents = {id: list(dict.fromkeys(term.get("is_a", []))) for id, term in terms.items()}
    children: dict[str, list[str]] = defaultdict(list)
    for id, above in parents.items():
        for parent in above:
            children[parent].append(id)
    for id, term in terms.items():
        if id.startswith(prefix or ""):
            hierarchy = {
                "parents": parents[id],
                "children": children.get(id, []),
                "ancestors": _reached(id, parents),
                "descendants": _reached(id, children),
            }
            document = {"_id": id, **hierarchy, **_described(term)}
            yield {key: value for key, value in document.items() if value not in (None, [], "")}


def _terms(path: str) -> dict[str, Stanza]:
    """Stanzas by id, in the order of the file; behind them, empty, ids that are referred to only."""
    terms: dict[str, Stanza] = {}
    for stanza in _stanzas(path):
        if not stanza.get("id"):
            raise ValueError(f"{path}: a term has no id: {stanza}")
        term = terms.setdefault(stanza["id"][-1], {})
        term.update({**stanza, "is_a": term.get("is_a", []) + stanza.get("is_a", [])})
    for term in [*terms.values()]:
        for target in (*term.get("is_a", []), *(value.split(" ")[1] for value in term.get("relationship", []))):
            terms.setdefault(target, {})
    return terms


def _stanzas(path: str) -> Iterator[Stanza]:
    """The tags of each term."""
    kind, stanza = "", defaultdict[str, list[str]](list)
    with anyfile(path) as file:
        for raw in file:
            line = raw.rstrip("\n")
            if not line.strip() or line.startswith("["):
                if kind == "[Term]" and stanza:
                    yield dict(stanza)
                kind, stanza = line.strip(), defaultdict(list)
            elif kind == "[Term]" and not line.startswith("!"):
                match = LINE.fullmatch(line)
                if match is None:
                    raise ValueError(f"{path}: neither a tag nor a value: {line}")
                stanza[match[1]].append(match[2])
    if kind == "[Term]" and stanza:
        yield dict(stanza)


def _described(term: Stanza) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    if _last(term, "is_obsolete") == "true":
        replaced = term.get("replaced_by", [""])[0]
        found.update({"is_obsolete": True, "replaced_by": replaced, "consider": term.get("consider")})
    found["synonym"] = _synonyms(term)
    found["xrefs"] = _xrefs(term)
    found["relationships"] = _relationships(term)
    found["definition"] = _last(term, "def").replace('"', "")
    found["label"] = _last(term, "name")
    return found


def _last(term: Stanza, tag: str) -> str:
    """The value of a tag that a term has once; empty where it has none."""
    return term.get(tag, [""])[-1]


def _synonyms(term: Stanza) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for value in term.get("synonym", []):
        if scope := next((scope for scope in ("EXACT", "RELATED") if scope in value), ""):
            found[scope.lower()] += QUOTED.findall(value)
    return {scope: texts for scope, texts in found.items() if texts}


def _xrefs(term: Stanza) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for value in term.get("xref", []):
        prefix, is_prefixed, id = value.partition(":")
        if is_prefixed and prefix not in LINKS:
            found[prefix.lower()][value if prefix in PREFIXED else id] = None
    return {prefix: list(ids) for prefix, ids in found.items()}


def _relationships(term: Stanza) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for value in term.get("relationship", []):
        target = value.split(" ")[1]
        found[target.split(":")[0].lower()][target] = None
    return {prefix: list(ids) for prefix, ids in found.items()}


def _reached(id: str, edges: Mapping[str, list[str]]) -> list[str]:
    """All that can be reached along the edges, without the beginning."""
    found: set[str] = set()
    pending = list(edges.get(id, ()))
    while pending:
        each = pending.pop()
        if each not in found:
            found.add(each)
            pending += edges.get(each, ())
    return sorted(found - {id})
