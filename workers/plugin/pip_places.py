"""What pip reads of the machine because its operator told it to: configuration, certificates, folders of packages."""

import configparser
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

OPTIONS = ("cert", "client-cert", "config-file", "constraint", "extra-index-url", "find-links", "index-url")
"""Options of pip whose values may be files or folders."""


def pip_places() -> list[Path]:
    """The files and folders that pip's environment variables and configuration name. Reads files: to be called in a thread."""
    files = [*_configurations()]
    values = [os.environ.get(f"PIP_{option.upper().replace('-', '_')}", "") for option in OPTIONS]
    for file in files:
        values += _values(file)
    named = (_path(word) for value in values for word in value.split())
    return [*files, *(path for path in named if path is not None and path.exists())]


def _configurations() -> Iterator[Path]:
    home = Path.home()
    places = (
        Path("/etc/pip.conf"),
        Path("/etc/xdg/pip/pip.conf"),
        home / ".pip" / "pip.conf",
        home / ".config" / "pip" / "pip.conf",
    )
    named = os.environ.get("PIP_CONFIG_FILE")
    yield from (place for place in (*places, *([Path(named)] if named else [])) if place.is_file())


def _values(file: Path) -> list[str]:
    reading = configparser.RawConfigParser()
    try:
        reading.read(file, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return []  # pip itself will say what is wrong with it
    return [reading.get(section, option, fallback="") for section in reading.sections() for option in OPTIONS]


def _path(word: str) -> Path | None:
    if word.startswith("file:"):
        return Path(url2pathname(urlsplit(word).path))
    return Path(word) if word.startswith("/") else None
