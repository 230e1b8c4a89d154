"""Names that people give: what they may be."""

import re
from collections.abc import Iterable

from domain.errors import Invalid

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}\Z")
"""BioThings' rule `^[A-Z_][\\w\\d]+$`, taken as it is meant (any case), with hyphens and single letters as well. No dots: outputs
are named `<job>.<attempt>.<part>`."""

RESERVED_TYPES = frozenset({"query", "metadata", "status", "spec", "v1"})
"""Document types that would hide a route of the published API."""

VERSION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}\Z")
"""What a build may be called: as dates and versions are, `2026-11-24`, `v1.2`."""


def unused(name: str, taken: Iterable[str]) -> str:
    """The name itself where it is free; else with the next number behind it: `20261124`, `20261124.2`, `20261124.3`."""
    numbered = re.compile(rf"{re.escape(name)}(?:\.([0-9]+))?")
    numbers = [int(found[1] or 1) for each in taken if (found := numbered.fullmatch(each))]
    return f"{name}.{max(numbers) + 1}" if numbers else name


def check_version(name: str) -> str:
    """The name of a build, if it can be one; raises Invalid."""
    if not VERSION.match(name):
        raise Invalid(f"{name!r} can't name a build: letters, digits and `_.+-`, at most 128, with no sign in front", ("name",))
    return name


def check_name(name: str) -> str:
    """The name, if it can be one; raises Invalid."""
    if not NAME.match(name):
        raise Invalid(f"{name!r} can't be a name: a letter or _, then letters, digits, _ and -, at most 128", ("name",))
    return name
