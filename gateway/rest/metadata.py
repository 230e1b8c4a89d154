"""`/metadata`, `/metadata/fields` and `/status`: what a release is made of."""

import math
from typing import Any

from aiohttp import web

from gateway.rest.answers import headers
from gateway.rest.arguments import Arguments
from gateway.rest.forms import encode
from gateway.rest.listing import Encoder
from gateway.rest.served import Served
from gateway.rest.shape import read_form

_HIDDEN = frozenset({"normalizer", "dynamic", "copy_to", "properties", "fields", "enabled"})


async def metadata(encoder: Encoder, served: Served, arguments: Arguments) -> web.Response:
    """The five keys of BioThings' metadata; `stats.total` is the number of documents that are served. `dev` shows what begins with
    an underscore and the release."""
    meta = served.meta
    shown: dict[str, Any] = {
        "biothing_type": served.doc_type,
        "build_date": meta.get("build_date", ""),
        "build_version": meta.get("build_version", ""),
        "src": meta.get("src", {}),
        "stats": {**meta.get("stats", {}), "total": served.count},
    }
    if arguments.flag("dev"):
        shown["_release"] = served.index
    else:
        shown = _without_private(shown)
    form = read_form(arguments)
    return web.Response(body=await encoder.away(math.inf, encode, shown, form), headers=headers(served.etag, form))


def _without_private(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_private(inner) for key, inner in value.items() if not key.startswith("_")}
    return value


async def fields(encoder: Encoder, served: Served, arguments: Arguments) -> web.Response:
    """Every mapped path with its type; `search` and `prefix` narrow them."""
    form = read_form(arguments)
    found = await encoder.away(math.inf, flatten, served.spec.mapping)
    if search := arguments.text("search"):
        found = {path: field for path, field in found.items() if search in path}
    if prefix := arguments.text("prefix"):
        found = {path: field for path, field in found.items() if path.startswith(prefix)}
    return web.Response(body=await encoder.away(math.inf, encode, found, form), headers=headers(served.etag, form))


def flatten(properties: dict[str, Any], at: str = "") -> dict[str, dict[str, Any]]:
    """Dotted path → what is public of its mapping; parents are objects, and those that are only kept are not indexed."""
    found: dict[str, dict[str, Any]] = {}
    for name, field in properties.items():
        path = f"{at}{name}"
        if path == "all":
            continue
        inner = field.get("properties")
        shown = {key: value for key, value in field.items() if key not in _HIDDEN}
        shown["type"] = field.get("type", "object")
        shown["index"] = field.get("enabled", field.get("index", True)) is not False
        if "all" in _copied(field):
            shown["searched_by_default"] = True
        found[path] = shown
        found |= flatten(inner or {}, f"{path}.")
    return found


def _copied(field: dict[str, Any]) -> list[str]:
    copied = field.get("copy_to", [])
    return copied if isinstance(copied, list) else [copied]


def is_indexed(properties: dict[str, Any], path: str) -> bool:
    """Can a value of the path be looked for?"""
    first, _, rest = path.partition(".")
    field = properties.get(first)
    if not isinstance(field, dict):
        return False
    if rest:
        return is_indexed(field.get("properties", {}), rest)
    return "type" in field and field.get("index", True) is not False


def status(served: Served) -> web.Response:
    """It answers, so it is green."""
    return web.Response(body=encode({"success": True, "status": "green"}), headers=headers())
