"""A manifest's `keylookup`: documents get the ids that an API gives to what they name, in BioThings' words for it.

In BioThings a class of the hub knows how ids are converted, from collections of that hub. Here any API that answers as BioThings'
does is asked instead, one of this hub or another.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Refuse = Callable[[tuple[str, ...], str], Exception]
"""Makes the error of a key below `keylookup`."""

FIELDS = {
    "chebi": "chebi.id",
    "chembl": "chembl.molecule_chembl_id",
    "drugbank": "drugbank.id",
    "ensembl": "ensembl.gene",
    "entrez": "entrezgene",
    "flybase": "FLYBASE",
    "hgnc": "HGNC",
    "inchikey": "_id",
    "mgi": "MGI",
    "pubchem": "pubchem.cid",
    "rgd": "RGD",
    "sgd": "SGD",
    "swissprot": "uniprot.Swiss-Prot",
    "tair": "TAIR",
    "trembl": "uniprot.TrEMBL",
    "unii": "unii.unii",
    "uniprot": "uniprot.Swiss-Prot",
    "wormbase": "WormBase",
    "zfin": "ZFIN",
}
"""Sorts of ids by the names that manifests have for them → fields of the APIs of genes and chemicals; other names are fields."""
KEYS = (
    *("input_types", "output_types", "skip_on_failure", "skip_on_success", "skip_w_regex", "id_priority_list", "copy_from_doc"),
    *("api", "fields"),
)


class Field(msgspec.Struct, frozen=True):
    """A sort of ids."""

    name: str
    """As the manifest calls it."""
    field: str
    """Where the API has it."""
    path: str = ""
    """Where documents have it, with dots; of those that are looked for."""


class KeyLookup(msgspec.Struct, frozen=True, kw_only=True):
    """How the ids of documents are found."""

    inputs: tuple[Field, ...]
    """What is looked for, one after the other, until something is found."""
    outputs: tuple[Field, ...] = ()
    """What becomes the id; without any, the `_id` of what the API finds."""
    skip_on_failure: bool = False
    """Whether documents are left out for which nothing is found; else they keep their id."""
    skip_on_success: bool = False
    """Whether those are left out for which something is found."""
    skip_w_regex: str = ""
    """Documents whose `_id` begins with this pattern keep it."""
    copy_from_doc: bool = False
    """Whether an id is taken from the document itself where it is of the wanted sort."""
    api: str = ""
    """URL of the API; empty: LEAT_KEYLOOKUP_API."""


def keylookup(data: Any, refuse: Refuse) -> KeyLookup | None:
    """What `keylookup` says; None where it says nothing. Raises what `refuse` makes, at the first key that is wrong."""
    if not data:
        return None
    if not isinstance(data, dict):
        raise refuse((), "should be an object")
    for key in data:
        if key not in KEYS:
            raise refuse((key,), f"is not done here; {', '.join(KEYS)} are")
    named = data.get("fields") or {}
    if not isinstance(named, dict) or not all(isinstance(field, str) for field in named.values()):
        raise refuse(("fields",), "should be an object: a name of `input_types` or `output_types` → the field of the API")
    inputs = [_input(entry, named, refuse) for entry in _listed(data.get("input_types"))]
    if not inputs:
        raise refuse(("input_types",), "is missing: a list of pairs, each a sort of ids and its path in the documents")
    outputs = [_output(entry, named, refuse) for entry in _listed(data.get("output_types"))]
    first = [str(name).lower() for name in _listed(data.get("id_priority_list"))]
    rank = {name: number for number, name in reversed([*enumerate(first)])}
    return KeyLookup(
        inputs=tuple(sorted(inputs, key=lambda each: rank.get(each.name, len(rank)))),
        outputs=tuple(sorted(outputs, key=lambda each: rank.get(each.name, len(rank)))),
        skip_w_regex=_pattern(data.get("skip_w_regex"), refuse),
        api=_address(data.get("api"), refuse),
        **{key: _flag(data, key, refuse) for key in ("skip_on_failure", "skip_on_success", "copy_from_doc")},
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _input(entry: Any, named: Mapping[str, str], refuse: Refuse) -> Field:
    if isinstance(entry, str) and entry:
        entry = [entry, "_id"]
    match entry:
        case [str(name), str(path)] if name and path:
            return Field(name.lower(), _field(name, named), path)
    raise refuse(("input_types",), f"{entry!r} should be a pair: a sort of ids, and its path in the documents")


def _output(entry: Any, named: Mapping[str, str], refuse: Refuse) -> Field:
    if not isinstance(entry, str) or not entry:
        raise refuse(("output_types",), f"{entry!r} should be a sort of ids")
    return Field(entry.lower(), _field(entry, named))


def _field(name: str, named: Mapping[str, str]) -> str:
    return named.get(name) or named.get(name.lower()) or FIELDS.get(name.lower(), name)


def _flag(data: Mapping[str, Any], key: str, refuse: Refuse) -> bool:
    value = data.get(key, False)
    if not isinstance(value, bool):
        raise refuse((key,), f"{value!r} should be true or false")
    return value


def _pattern(value: Any, refuse: Refuse) -> str:
    try:
        re.compile(value or "")
    except (re.error, TypeError) as error:
        raise refuse(("skip_w_regex",), f"{value!r} is no regular expression: {error}") from error
    return value or ""


def _address(value: Any, refuse: Refuse) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        raise refuse(("api",), f"{value!r} should be the URL of a BioThings API, such as https://example.org/v1")
    return value.rstrip("/")
