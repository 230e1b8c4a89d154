"""A reader of ontologies in OBO format, which hubs share between plugins."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from ...utils.common import anyfile  # noqa: TID252 (the package has another name in a plugin's process)

QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(.*)')
SCOPES = {"EXACT": "exact", "RELATED": "related", "BROAD": "broad", "NARROW": "narrow"}

Stanza = dict[str, list[str]]


def load_obo(data_folder: str, obofile: str, prefix: str | None = None) -> Iterator[dict[str, Any]]:
    """One document for each term that is not obsolete: `_id`, `label`, `definition`, `synonym` by scope, `xrefs` by prefix, `is_a`,
    `parents`, `children`, `ancestors`, `descendants` and each relationship by its name, all ids as they stand in the file.

    With `prefix`, only terms whose id begins with it, as `prefix:`, are given.
    """
    terms = dict(_terms(os.path.join(data_folder, obofile)))
    parents = {id: [_first_word(value) for value in term.get("is_a", [])] for id, term in terms.items()}
    children: dict[str, list[str]] = defaultdict(list)
    for id, above in parents.items():
        for parent in above:
            children[parent].append(id)
    for id, term in terms.items():
        if prefix and not id.lower().startswith(prefix.lower().rstrip(":") + ":"):
            continue
        document: dict[str, Any] = {"_id": id, **_described(term)}
        hierarchy = {
            "parents": parents[id],
            "children": children.get(id, []),
            "ancestors": _reached(id, parents),
            "descendants": _reached(id, children),
        }
        document.update({name: sorted(ids) for name, ids in hierarchy.items() if ids})
        if prefix:
            document[prefix.lower().rstrip(":")] = id
        yield document


def _terms(path: str) -> Iterator[tuple[str, Stanza]]:
    """(id, stanza) of the terms that are not obsolete."""
    for kind, stanza in _stanzas(path):
        if kind == "Term" and stanza.get("id") and stanza.get("is_obsolete") != ["true"]:
            yield stanza["id"][0], stanza


def _stanzas(path: str) -> Iterator[tuple[str, Stanza]]:
    kind, stanza = "", defaultdict[str, list[str]](list)
    with anyfile(path) as file:
        for raw in file:
            line = raw.strip()
            if line.startswith("[") and line.endswith("]"):
                yield kind, stanza
                kind, stanza = line[1:-1], defaultdict(list)
            elif line and not line.startswith("!"):
                tag, _, value = line.partition(":")
                stanza[tag].append(_without_comment(value.strip()))
    yield kind, stanza


def _described(term: Stanza) -> dict[str, Any]:
    document: dict[str, Any] = {}
    if term.get("name"):
        document["label"] = term["name"][0]
    if term.get("def") and (match := QUOTED.match(term["def"][0])):
        document["definition"] = _plain(match[1])
    synonyms: dict[str, list[str]] = defaultdict(list)
    for value in term.get("synonym", []):
        if match := QUOTED.match(value):
            synonyms[SCOPES.get(_first_word(match[2]), "related")].append(_plain(match[1]))
    xrefs: dict[str, list[str]] = defaultdict(list)
    for value in term.get("xref", []):
        name, found, id = _first_word(value).partition(":")
        if found and not id.startswith("//"):
            xrefs[name.lower().replace(".", "_")].append(id)
    relations: dict[str, list[str]] = defaultdict(list)
    for value in term.get("relationship", []):
        relation, _, target = value.partition(" ")
        relations[relation.replace(".", "_")].append(_first_word(target))
    named = {"synonym": dict(synonyms), "xrefs": dict(xrefs), "alt_id": term.get("alt_id"), "subset": term.get("subset")}
    document.update({name: value for name, value in named.items() if value})
    for relation, targets in relations.items():
        document.setdefault(relation, sorted(targets))
    return document


def _reached(id: str, edges: dict[str, list[str]]) -> set[str]:
    """All that can be reached along the edges, without the beginning."""
    found: set[str] = set()
    pending = list(edges.get(id, ()))
    while pending:
        each = pending.pop()
        if each not in found:
            found.add(each)
            pending += edges.get(each, ())
    return found - {id}


def _without_comment(value: str) -> str:
    """The value without what follows ` !`, as long as that does not stand within quotes, and without trailing qualifiers."""
    quoted = 0
    for place, letter in enumerate(value):
        if letter == '"' and (place == 0 or value[place - 1] != "\\"):
            quoted ^= 1
        elif letter == "!" and not quoted and place and value[place - 1] == " ":
            return value[:place].rstrip()
    return value


def _first_word(value: str) -> str:
    return value.split(None, 1)[0] if value.strip() else ""


def _plain(text: str) -> str:
    return text.replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")
