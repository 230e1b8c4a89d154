"""What an index on Elasticsearch is made of: settings, mapping, and documents as they go in and come out."""

from typing import Any

import msgspec
import orjson

from domain.mappings import OWN_NAMES, Field, is_blank, nest
from domain.ports import Document, IndexSpec
from domain.query_plan import Fields
from stores.elasticsearch_clauses import ID

DEEPEST_PAGE = 1_000_000
"""Hits up to the end of a page: more than anybody turns to, less than what fills a node's memory."""

ANALYSIS = {
    "normalizer": {"keyword_lowercase_normalizer": {"type": "custom", "char_filter": [], "filter": ["lowercase"]}},
    "analyzer": {
        "string_lowercase": {"type": "custom", "tokenizer": "keyword", "filter": ["lowercase"]},
        "whitespace_lowercase": {"type": "custom", "tokenizer": "whitespace", "filter": ["lowercase"]},
    },
}


def settings(spec: IndexSpec, fields: Fields) -> dict[str, Any]:
    """Settings for loading: nothing is refreshed, copied or synced before the index is sealed.

    The codec is the server's own, or that of an index template for the hub's indexes: `best_compression` is zstd by a native
    library on server 9, which not every build of it carries.
    """
    return {
        "number_of_shards": spec.shards,
        "number_of_replicas": 0,
        "refresh_interval": "-1",
        "translog": {"durability": "async"},
        "max_result_window": DEEPEST_PAGE,
        "max_regex_length": 20_000,
        "mapping": {"total_fields": {"limit": 1000 + 3 * len(fields.all)}, "depth": {"limit": 50}},
        "query": {"default_field": ["_id", "all"]},
        "analysis": ANALYSIS,
    }


def serving_settings(spec: IndexSpec) -> dict[str, Any]:
    """Settings for a sealed index."""
    return {"number_of_replicas": spec.replicas, "refresh_interval": None, "translog": {"durability": None}}


def mapping(spec: IndexSpec, fields: Fields) -> dict[str, Any]:
    """The mapping: the fields that are searched, `all`, and the keyword copy of `_id`; the rest is only kept."""
    properties = nest(field for field in fields.all.values() if field.indexed)
    copied = [field for field in fields.all.values() if field.searched_by_default and not field.indexed]
    for field in copied:
        _put(properties, field, {"type": "keyword", "index": False, "doc_values": False, "copy_to": ["all"]})
    properties["all"] = {"type": "text"}
    properties[ID] = {"type": "keyword"}
    return {"dynamic": False, "properties": properties, "_meta": meta(spec, sealed=False)}


def _put(properties: dict[str, Any], field: Field, definition: dict[str, Any]) -> None:
    *parents, name = field.path.split(".")
    for parent in parents:
        properties = properties.setdefault(parent, {"properties": {}})["properties"]
    properties[name] = definition


def meta(spec: IndexSpec, *, sealed: bool) -> dict[str, Any]:
    """`_meta`: the build's metadata for everybody, and under `_leat` what the index is made of."""
    own = msgspec.to_builtins(spec)
    del own["meta"]
    return {**spec.meta, "_leat": {"spec": own, "sealed": sealed}}


def spec_of(meta: dict[str, Any]) -> tuple[IndexSpec, bool]:
    """The spec in `_meta`, and whether the index is sealed."""
    own = meta["_leat"]
    rest = {name: value for name, value in meta.items() if name != "_leat"}
    return msgspec.convert({**own["spec"], "meta": rest}, IndexSpec), own["sealed"]


def encoded(document: Document) -> bytes:
    """Action and document, two lines of a bulk request; `_id`, which Elasticsearch takes in the action only, becomes `__id`.

    At the top of a document Elasticsearch refuses some keys, and takes others for its own: they get other names there.
    """
    id = orjson.dumps(document.id)
    start = b'{"_id":' + id
    if document.body.startswith(start) and not any(sign in document.body for sign in _SIGNS):
        body = b'{"__id":' + id + document.body[len(start) :]
    else:  # there may be such a key, or one such as `A` stands before `_id`
        values = orjson.loads(document.body)
        values.pop("_id", None)
        body = orjson.dumps({ID: document.id, **{_hidden(key): value for key, value in values.items()}})
    return b'{"index":{"_id":' + id + b"}}\n" + body + b"\n"


def decoded(source: dict[str, Any], id: str) -> bytes:
    """The document as it was given."""
    source.pop(ID, None)
    for key in [key for key in source if key.startswith(_HIDDEN)]:
        source[key.removeprefix(_HIDDEN).replace("%2E", ".").replace("%25", "%")] = source.pop(key)
    source["_id"] = id
    return orjson.dumps(source, option=orjson.OPT_SORT_KEYS)


_HIDDEN = "__leat:"
_SIGNS = (b'"":', b'" ', b'"\\', b'".', b"..", *(f'"{name}'.encode() for name in sorted(OWN_NAMES - {"_id"} | {_HIDDEN})))
"""What a document has in it where a key may have to be hidden."""


def _hidden(key: str) -> str:
    """The name on the server of a key at the top of a document: nearly always its own, under which it is looked for."""
    if key.partition(".")[0] in OWN_NAMES or is_blank(key) or key.startswith(_HIDDEN):
        return _HIDDEN + key.replace("%", "%25").replace(".", "%2E")
    return key
