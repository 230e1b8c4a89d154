"""The forms that answers are written in: whole values, and lists member by member, since a long one never lies in memory whole."""

import functools
from collections.abc import Callable
from typing import Any

import msgspec
import orjson
import yaml

TYPES = {
    "json": "application/json; charset=UTF-8",
    "yaml": "text/x-yaml; charset=UTF-8",
    "msgpack": "application/x-msgpack",
}
"""What each form is called in `Content-Type`."""
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""libyaml's, seven times as fast, where PyYAML was built with it."""
HEFT = {"json": 1, "yaml": 16, "msgpack": 1}
"""What a byte costs to write."""
BETWEEN = {"json": b",", "yaml": b"", "msgpack": b""}
"""What stands between two members of a list."""


def _yaml(value: Any) -> bytes:
    text: str = yaml.dump(value, Dumper=_DUMPER, sort_keys=True, allow_unicode=True, default_flow_style=False)
    return text.encode()


_WHOLE: dict[str, Callable[[Any], bytes]] = {
    "json": functools.partial(orjson.dumps, option=orjson.OPT_SORT_KEYS),
    "yaml": _yaml,
    "msgpack": msgspec.msgpack.encode,
}
MEMBER: dict[str, Callable[[Any], bytes]] = {**_WHOLE, "yaml": lambda value: _yaml([value])}
"""How each form writes one of a list's members."""


def encode(value: Any, form: str = "json") -> bytes:
    """`value` as JSON, YAML or MessagePack; the first two with their keys sorted."""
    return _WHOLE[form](value)


def opening(head: dict[str, Any], count: int, form: str) -> bytes:
    """What goes before the `count` members of a list: its beginning, or a `head` whose last key, `hits`, is the list."""
    if form == "yaml":
        return encode(head, form) + (b"hits:\n" if count else b"hits: []\n") if head else b"" if count else b"[]\n"
    if form == "msgpack":
        begun = _sized(len(head) + 1, 0x80, 0xDE) if head else b""
        pairs = [encode(part, form) for pair in head.items() for part in pair]
        return begun + b"".join([*pairs, encode("hits", form) if head else b""]) + _sized(count, 0x90, 0xDC)
    return encode(head)[:-1] + b',"hits":[' if head else b"["


def closing(head: dict[str, Any], form: str) -> bytes:
    """What goes behind the members."""
    if form == "json":
        return b"]}" if head else b"]"
    return b""


def _sized(count: int, small: int, large: int) -> bytes:
    """The beginning of a MessagePack map or array with so many entries."""
    if count < 16:
        return bytes((small | count,))
    return bytes((large,)) + count.to_bytes(2, "big") if count < 2**16 else bytes((large + 1,)) + count.to_bytes(4, "big")
