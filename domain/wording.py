"""Numbers in sentences for people."""


def counted(number: int, things: str) -> str:
    """`1 file`, `2 files`, `1,844 documents`: `things` is the plural, whose s is dropped for a single one."""
    return f"{number:,} {things.removesuffix('s') if number == 1 else things}".rstrip()


def listed(names: list[str], most: int) -> str:
    """`a, b, c and 12 more`: up to `most` of the names."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")
