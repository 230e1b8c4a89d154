"""How much one request of a published API may ask for, and get."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """BioThings' own limits where it has one."""

    terms: int = 5000
    """Terms of a POST to `/query`."""
    ids: int = 1000
    """Ids of a POST for documents, and documents that one of them may name."""
    size: int = 1000
    """Hits of a page, or of each term."""
    skipped: int = 10_000
    """Hits that may be skipped."""
    facet_size: int = 1000
    """Terms of a facet."""
    facet_terms: int = 20_000
    """Facets times terms of each."""
    sort: int = 10
    """Keys to sort by."""
    items: int = 1000
    """Members of any other list: fields, scopes, facets."""
    hits: int = 100_000
    """Hits of all terms together: BioThings would go on, to terms times `size`."""
    looks: int = 100_000
    """Terms times the fields that each of them is looked for in."""
    bytes: int = 256 * 2**20
    """Bytes of an answer."""
