"""A place for a plugin's process to work in: its code and its data under the paths that plugins expect, all of it removable."""

import asyncio
import os
from pathlib import Path

import msgspec


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """`root/plugins/<name>` is the code, `archive/<name>/<release>` the data: links to files, in folders that may be written to."""

    root: Path
    name: str
    data: Path
    archive: Path


async def prepare(home: Path, name: str, code: Path, release: str = "", data: Path | None = None) -> Workspace:
    """Make the workspace of the plugin `name` in the empty folder `home`, from its code and its data, which stay as they are."""
    return await asyncio.to_thread(_prepare, home, name, code, release, data)


def _prepare(home: Path, name: str, code: Path, release: str, data: Path | None) -> Workspace:
    root, archive = home / "code", home / "archive"
    _link(code, root / "plugins" / name)
    folder = archive / name / (release or "latest")
    folder.mkdir(parents=True)
    if data is not None:
        _link(data, folder)
    return Workspace(root=root, name=name, data=folder, archive=archive)


def _link(source: Path, target: Path) -> None:
    source = source.resolve()
    for folder, folders, files in os.walk(source):
        below = target / Path(folder).relative_to(source)
        below.mkdir(parents=True, exist_ok=True)
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in files:
            (below / name).symlink_to(Path(folder) / name)
