"""Queries in Lucene syntax: text to a small tree that both engines answer alike."""

import msgspec


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A node of a query."""
