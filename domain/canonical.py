"""Documents in their canonical form: sorted keys, UTF-8, and a digest that is equal for equal documents."""

from hashlib import sha256
from typing import Any

import orjson

from domain.ports.documents import Document


def document(value: dict[str, Any]) -> Document:
    """The document of a JSON object that has an `_id`."""
    return encoded(value["_id"], orjson.dumps(value, option=orjson.OPT_SORT_KEYS))


def encoded(id: str, body: bytes) -> Document:
    """The document of a body that is canonical already."""
    return Document(id, body, sha256(body).digest()[:16])
