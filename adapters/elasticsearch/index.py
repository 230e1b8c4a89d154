"""What an index on Elasticsearch is made of: settings, mapping, and documents as they go in and come out."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import orjson

from adapters.elasticsearch.clauses import ID
from domain.ports.documents import Document
from domain.ports.search import IndexSpec
from domain.query.mappings import OWN_NAMES, Field, is_blank, nest
from domain.query.plan import Fields

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
    """The mapping: the fields that are searched, `all`, and the keyword copy of `_id`; of texts with `index: false` only that they
    are no objects; the rest is only kept."""
    properties = nest(fields.indexed.values())
    for field in fields.all.values():
        if field.path not in fields.indexed and (field.type == "text" or field.searched_by_default or field.copied_to):
            copy_to = [*["all"] * field.searched_by_default, *field.copied_to]
            _put(properties, field, {"type": "keyword", "index": False, "doc_values": False, "copy_to": copy_to})
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
    return {**spec.meta, "_leat": {"spec": own, "sealed": sealed, "unindexed": True}}


class Found(NamedTuple):
    """What `_meta` says of an index."""

    spec: IndexSpec
    sealed: bool
    unindexed: bool
    """Whether it has the values of fields with `index: false`; indexes of an earlier Leat don't."""


def found_in(meta: dict[str, Any]) -> Found:
    """What the index with this `_meta` is made of."""
    own = meta["_leat"]
    rest = {name: value for name, value in meta.items() if name != "_leat"}
    return Found(msgspec.convert({**own["spec"], "meta": rest}, IndexSpec), own["sealed"], own.get("unindexed", False))


def encoded(document: Document, *, anywhere: bool = False) -> bytes:
    """Action and document, two lines of a bulk request; `_id`, which Elasticsearch takes in the action only, becomes `__id`.

    Keys that Elasticsearch would take for others get other names, which nothing finds; `anywhere`: those that it refuses as well.
    It refuses blank ones below what is mapped, and says so: not to look for them costs nothing where there are none.
    """
    id = orjson.dumps(document.id)
    start = b'{"_id":' + id
    if document.body.startswith(start) and not (anywhere or _may_mislead(document.body, len(start))):
        body = b'{"__id":' + id + document.body[len(start) :]
    else:  # a key such as `A` may stand before `_id`
        values = orjson.loads(document.body)
        values.pop("_id", None)
        renamed = {_hidden(key) if _is_own(key) else key: value for key, value in _each_key(values, _kept).items()}
        mark = {} if renamed == values else {_MARK: True}
        body = orjson.dumps({ID: document.id, **mark, **renamed})
    return b'{"index":{"_id":' + id + b"}}\n" + body + b"\n"


def decoded(source: dict[str, Any], id: str) -> bytes:
    """The document as it was given."""
    source.pop(ID, None)
    if source.pop(_MARK, False):
        source = _each_key(source, _shown)
    source["_id"] = id
    return orjson.dumps(source, option=orjson.OPT_SORT_KEYS)


_MARK = "__leat"
"""Stands in a document in which keys are hidden."""
_HIDDEN = "__leat:"
_OWN_SIGNS = tuple(f'"{name}{end}'.encode() for name in sorted(OWN_NAMES - {"_id"}) for end in ('":', "."))
_SIGNS = (b'"_id.', b'"__leat', *_OWN_SIGNS)


def _may_mislead(body: bytes, start: int) -> bool:
    """Whether there may be a key, behind `start`, that Elasticsearch takes for another: a quick look, since most have none."""
    if b'.":' in body or b'"all' in body or body.find(b'"_', start) >= 0:
        return b'.":' in body or any(sign in body for sign in _SIGNS)
    return False


def _is_own(key: str) -> bool:
    """Whether a key at the top of a document means something else to Elasticsearch."""
    return key.partition(".")[0] in OWN_NAMES


def _each_key(value: Any, name: Callable[[str], str]) -> Any:
    """The value with other names for keys, at every depth."""
    if isinstance(value, dict):
        return {name(key): _each_key(inner, name) for key, inner in value.items()}
    return [_each_key(inner, name) for inner in value] if isinstance(value, list) else value


def _kept(key: str) -> str:
    """The name on the server: nearly always the key, under which it is looked for."""
    return _hidden(key) if is_blank(key) or key.startswith(_MARK) else key


def _hidden(key: str) -> str:
    return _HIDDEN + key.replace("%", "%25").replace(".", "%2E")


def _shown(key: str) -> str:
    return key.removeprefix(_HIDDEN).replace("%2E", ".").replace("%25", "%") if key.startswith(_HIDDEN) else key
