"""What comes out of an archive, and where it may lie: below the folder, under a name that is text, within a budget."""

import posixpath
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

from workers.dump.errors import DumpRefused
from workers.dump.names import safe_path
from workers.dump.text import text_of

_CHUNK = 2**20
_DRIVE = re.compile(r"[A-Za-z]:")
_LINKS = 40
"""Links that may lead from one to the next, as in a file system."""


class Budget:
    """What archives may grow to: each of them `limit` bytes, and all of them together `most`, since one may hold a thousand
    others."""

    def __init__(self, limit: int, most: int, most_files: int) -> None:
        self.limit = limit
        self.most = most
        self.most_files = most_files
        self.size = 0
        self.count = 0


class Unpacking:
    """One archive being unpacked: where its files may go, and how much they may be."""

    def __init__(self, archive: Path, originals: frozenset[str], budget: Budget, warn: Callable[[str], None]) -> None:
        self.archive = archive
        self.folder = archive.parent
        self.originals = originals
        self.budget = budget
        self.warn = warn
        self.size = 0
        self.stored: set[str] = set()
        """The files that this archive brought."""
        self.names: dict[str, bytes] = {}
        """Of files and links: the name that each path has in the archive."""
        self.renamed = False
        """Whether it was said that names are changed."""
        self.links: dict[str, str] = {}
        """Symbolic links, and what they lead to, both as paths below the folder."""

    def add(self, size: int) -> None:
        """Count unpacked bytes; raises DumpRefused for a bomb."""
        self.size += size
        self.budget.size += size
        most = self.budget.most if self.budget.size > self.budget.most else self.budget.limit
        if self.size > most or self.budget.size > self.budget.most:
            raise DumpRefused(f"{self.archive.name} unpacks to more than {most} bytes: it is refused as a bomb")

    def store(self, name: bytes, source: IO[bytes], *, counted: bool = False) -> None:
        """Write one member. `counted`: its bytes are counted already, where they are read."""
        self._count()
        path = self._path(name)
        if path in self.originals:
            self.warn(f"{self.archive.name} holds {path}, which was fetched by itself: left out")
            return
        self._claim(path, name)
        self.links.pop(path, None)
        self.stored.add(path)
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            while chunk := source.read(_CHUNK):
                if not counted:
                    self.add(len(chunk))
                file.write(chunk)

    def store_hard_link(self, name: bytes, target: bytes) -> None:
        """Write a member that is another name of an earlier one: a copy of that."""
        try:
            path = self._path(target)
        except DumpRefused:
            self.leave_out(name)
            return
        if path in self.links:
            self._claim(self._path(name), name)
            self.links[self._path(name)] = self.links[path]
        elif path in self.originals:
            self.leave_out(name)
        elif path not in self.stored:
            raise DumpRefused(f"{self.archive.name} holds {text_of(name)} as another name of {path}, which it does not hold before")
        else:
            self._copy(path, name)

    def note_link(self, name: bytes, target: bytes) -> None:
        """A symbolic link: it becomes a copy at the end (`follow_links`), when all that it may lead to is there."""
        text = text_of(target).replace("\\", "/")
        path = self._path(name)
        inside = safe_path(posixpath.normpath(posixpath.join(posixpath.dirname(path), text)))
        if text.startswith("/") or inside == ".." or inside.startswith("../"):
            self.leave_out(name)
            return
        self._count()
        self._claim(path, name)
        self.links[path] = inside

    def follow_links(self) -> None:
        """Copy what symbolic links lead to; those that lead to no file of the archive are left out."""
        for path, target in list(self.links.items()):
            for _ in range(_LINKS):
                if target not in self.links:
                    break
                target = self.links[target]
            if target in self.stored:
                self._copy(target, self.names[path])
            else:
                self.leave_out(self.names[path])

    def leave_out(self, name: bytes) -> None:
        """Say that a member is not stored."""
        self.warn(f"{self.archive.name} holds {text_of(name)}, which is a link or a device: left out")

    def _claim(self, path: str, name: bytes) -> None:
        """Take a path for a member. Raises DumpRefused where another one has it, since one of them would be lost."""
        plain = posixpath.normpath(name.replace(b"\\", b"/"))
        if self.names.setdefault(path, plain) != plain:
            raise DumpRefused(f"{self.archive.name} holds two files that would both be named {path}")

    def _count(self) -> None:
        self.budget.count += 1
        if self.budget.count > self.budget.most_files:
            raise DumpRefused(f"{self.archive.name} holds more than {self.budget.most_files} files")

    def _copy(self, path: str, name: bytes) -> None:
        if path != self._path(name):
            with (self.folder / path).open("rb") as source:
                self.store(name, source)

    def _path(self, name: bytes) -> str:
        """Where a member lies below the folder. Raises DumpRefused where that would be elsewhere."""
        text = text_of(name)
        path = PurePosixPath(text.replace("\\", "/"))
        if not path.parts or path.is_absolute() or ".." in path.parts or _DRIVE.match(path.parts[0]) or "\x00" in text:
            raise DumpRefused(f"{self.archive.name} holds {text!r}, which would lie outside its folder")
        safe = safe_path(str(path))
        if safe != str(path) and not self.renamed:
            self.renamed = True
            self.warn(f"{self.archive.name} holds {text!r}: stored as {safe!r}, since shells would obey it; others like it, too")
        return safe
