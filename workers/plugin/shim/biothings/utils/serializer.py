"""JSON, under the names of the SDK's `biothings.utils.serializer`."""

from typing import Any

import orjson


def json_loads(json_str: str | bytes) -> Any:
    """What a JSON text says."""
    return orjson.loads(json_str)


def json_dumps(data: Any, **_: Any) -> str:
    """A value as JSON text."""
    return orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def to_json(data: Any, indent: bool = False, sort_keys: bool = False, return_bytes: bool = False) -> Any:
    """A value as JSON text, or its bytes."""
    option = orjson.OPT_NON_STR_KEYS | (orjson.OPT_INDENT_2 if indent else 0) | (orjson.OPT_SORT_KEYS if sort_keys else 0)
    body = orjson.dumps(data, default=str, option=option)
    return body if return_bytes else body.decode()


load_json = json_loads
orjson_loads = json_loads
orjson_dumps = json_dumps
