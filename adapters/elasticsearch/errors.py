"""What Elasticsearch's errors mean, and how long a search may take."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError

from domain.errors import NotReady, QueryInvalid, Unavailable

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds that a search may take, as on the embedded engine. The server ends it, and is not asked again."""


class Busy(Unavailable):
    """The server took nothing of a request, since it has too much to do, or too little memory just now."""


@contextmanager
def translated(name: str) -> Iterator[None]:
    """The driver's errors as the domain's."""
    try:
        yield
    except ApiError as error:
        if error.status_code == 404:
            raise NotReady(f"there is no index {name}") from error
        if error.status_code == 400:  # the reason may name indexes, nodes and settings, and whoever asks may read it
            log.warning("Elasticsearch refuses a query", extra={"index": name, "reason": reason(error)})
            raise QueryInvalid("the search engine can't answer this query: ask for less at once") from error
        if error.status_code == 504 and error.error == "search_phase_execution_exception":  # a proxy's has no such type
            raise QueryInvalid(f"the query takes longer than {PATIENCE:g} s: narrow it, or ask for less at once") from error
        failed = Busy if error.status_code == 429 else Unavailable
        raise failed(f"the search engine answers {error.status_code}", f"Elasticsearch: {reason(error)}") from error
    except TransportError as error:
        raise Unavailable("the search engine does not answer", f"Elasticsearch: {error.message}") from error


def reason(error: ApiError) -> str:
    """The server's own words."""
    body = error.body
    return cause(body["error"]) if isinstance(body, dict) and isinstance(body.get("error"), dict) else error.message


def cause(error: dict[str, Any]) -> str:
    """The reason, and what is behind it."""
    said = str(error.get("reason", error.get("type", "")))
    for inner in (error.get("caused_by"), *error.get("root_cause", [])[:1]):
        if inner and inner.get("reason") and inner["reason"] not in said:
            said += f": {inner['reason']}"
    return " ".join(said.split())
