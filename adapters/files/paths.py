"""Paths of stored files, as every adapter of Files takes them."""

from domain.errors import Invalid


def path_parts(path: str) -> list[str]:
    """The names in a path; raises Invalid where one could lead out of the store, or to another spelling of the same file."""
    parts = path.split("/")
    if "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise Invalid(f"{path!r} is no path of a stored file", ("path",))
    return parts
