"""Ids that are derived from what they name, so that asking twice makes one job, one run, one letter."""

import hashlib
import json
import uuid
from typing import Any

from domain.errors import Invalid
from events.message import new_id

IDS = uuid.UUID("6f6c6561-7400-5000-8000-6a6f62730000")
"""Namespace of derived ids."""
LONGEST_KEY = 200
"""Characters of an idempotency key."""


def derived_id(*parts: str) -> str:
    """The id (UUIDv5) of what these parts name: asking twice makes one job."""
    return str(uuid.uuid5(IDS, json.dumps(parts)))


def key_id(who: str, mutation: str, key: str | None) -> str:
    """The id of a request: derived from (who, mutation, idempotency key), a fresh one without a key.

    Raises Invalid for a key that is empty or too long: it would do twice what was meant to be done once, or fill the memory.
    """
    if key is None:
        return new_id()
    if not 1 <= len(key) <= LONGEST_KEY:
        raise Invalid(f"an idempotency key has 1 to {LONGEST_KEY} characters, this one has {len(key)}", ("idempotencyKey",))
    return derived_id("request", who, mutation, key)


def input_hash(value: Any) -> str:
    """What tells one input from another under the same id."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]
