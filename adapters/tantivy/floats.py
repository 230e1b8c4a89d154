"""Floats as whole numbers in the same order.

tantivy takes documents quickest as JSON, and there reads a number of many digits one or two steps beside what was written. It
reads whole numbers exactly. So an index holds the bits of a float as a whole number; where the float is negative, all bits but the
sign are turned over, which puts the whole numbers in the order of the floats. A `float` takes 32 bits, a `double` 64.
"""

import struct
from typing import Final

from domain.query.mappings import Field
from domain.query.values import Bounds, single

BESIDE: Final = 2
"""Steps by which tantivy reads a number wrong at most; indexes of the first format hold such numbers."""
_WIDE, _NARROW = 2**63 - 1, 2**31 - 1
INFINITE: Final = 0x7FF << 52
"""The bits of infinity."""
_double, _float, _long, _int = (struct.Struct(f"<{sign}") for sign in "dfqi")


def code_of_double(value: float) -> int:
    """The whole number for 64 bits."""
    bits: int = _long.unpack(_double.pack(value))[0]
    return bits if bits >= 0 else bits ^ _WIDE


def code_of_float(value: float) -> int:
    """The whole number for 32 bits. Raises OverflowError where the nearest float is infinite."""
    bits: int = _int.unpack(_float.pack(value))[0]
    return bits if bits >= 0 else bits ^ _NARROW


def double_of(code: int) -> float:
    """The number of 64 bits that a whole number stands for."""
    value: float = _double.unpack(_long.pack(code if code >= 0 else code ^ _WIDE))[0]
    return value


def float_of(code: int) -> float:
    """The number of 32 bits that a whole number stands for."""
    value: float = _float.unpack(_int.pack(code if code >= 0 else code ^ _NARROW))[0]
    return value


def coded(field: Field, bounds: Bounds) -> Bounds:
    """The bounds as an index holds them."""
    code = code_of_float if field.type == "float" else code_of_double
    lower, upper = (None if bound is None else code(float(bound)) for bound in bounds[:2])
    return bounds._replace(lower=lower, upper=upper)


def widened(bounds: Bounds) -> Bounds:
    """The bounds for an index of the first format, where a number and those right beside it can't be told apart."""
    lower, upper = (None if bound is None else code_of_double(float(bound)) for bound in bounds[:2])
    if lower is not None:
        lower = max(lower - BESIDE, -INFINITE) if bounds.include_lower else min(lower + BESIDE, INFINITE)
    if upper is not None:
        upper = min(upper + BESIDE, INFINITE) if bounds.include_upper else max(upper - BESIDE, -INFINITE)
    if lower is not None and upper is not None and lower > upper:
        return bounds  # nothing lies between them that could be told apart
    return bounds._replace(lower=None if lower is None else double_of(lower), upper=None if upper is None else double_of(upper))


def shown(field: Field, found: float, *, exact: bool) -> float:
    """The number that an index holds as `found`."""
    if not exact:
        return single(found) if field.type == "float" else found
    return float_of(int(found)) if field.type == "float" else double_of(int(found))
