"""Names that people give: what they may be."""

import re

from domain.errors import Invalid

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}\Z")
"""BioThings' rule `^[A-Z_][\\w\\d]+$`, taken as it is meant (any case), with hyphens and single letters as well. No dots: outputs
are named `<job>.<attempt>.<part>`."""

RESERVED_TYPES = frozenset({"query", "metadata", "status", "spec", "v1"})
"""Document types that would hide a route of the published API."""


def check_name(name: str) -> str:
    """The name, if it can be one; raises Invalid."""
    if not NAME.match(name):
        raise Invalid(f"{name!r} can't be a name: a letter or _, then letters, digits, _ and -, at most 128", ("name",))
    return name
