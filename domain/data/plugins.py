"""Plugins: reading a folder of them, and keeping a copy of their code where every worker finds it."""

import asyncio
import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import orjson

from domain.data import shared_modules, yaml_reading
from domain.data.manifests import Manifest, normalise
from domain.errors import Invalid, NotFound
from domain.names import check_name
from domain.ports.files import Files

MANIFESTS = ("manifest.json", "manifest.yaml", "manifest.yml")
"""In the order in which they are looked for; BioThings' loader doesn't know the last."""

SKIPPED = frozenset({"__pycache__", "node_modules"})
"""Folders that are no part of a plugin's code; those whose name begins with a dot, and virtual environments, are neither."""

MANIFEST_SIZE = 2**20
"""Bytes that a manifest may have."""
CODE_SIZE = 256 * 2**20
"""Bytes that a plugin's code may have: data belongs into a dump."""


def read(folder: Path, name: str = "") -> Manifest:
    """The manifest of the plugin in `folder`, for a source called `name`; without that, called as the manifest says, else as the
    folder is called.

    Raises NotFound, or Invalid whose path is the file and the key within.
    """
    if not folder.is_dir():
        raise NotFound(f"there is no folder {folder}")
    for file in MANIFESTS:
        if (folder / file).is_file():
            data = _decode(folder / file)
            chosen = name or str(data.get("name") or "") if isinstance(data, dict) else name
            return normalise(data, file, check_name(chosen or _folder_name(folder)))
    advanced = (folder / "__init__.py").is_file()
    instead = '{"dumper": {"data_url": …}, "uploader": {"parser": "module:function"}}'
    reason = f"; plugins of dumper and uploader classes are not run here: write a manifest, {instead}" if advanced else ""
    raise Invalid(f"{folder} has none of {', '.join(MANIFESTS)}{reason}", (str(folder),))


async def snapshot(files: Files, folder: Path, name: str, shared: Path | None = None) -> str:
    """Store a copy of the plugin's code, with the modules that it imports from `shared`, as `plugins/<code>/<name>/…` and return
    <code>: 16 hex digits over its files' names and contents.

    Raises Invalid where it is too big."""
    with tempfile.TemporaryDirectory() as taken:
        copy = Path(taken)  # what is put into Files is gone from where it was, and what is hashed must be what is stored
        await asyncio.to_thread(copy_code, folder, copy, shared)
        code, paths = await asyncio.to_thread(_digest, contents(copy))
        prefix = f"plugins/{code}/{name}"
        stored = {file.path for file in await files.find(prefix)}
        for path in paths:
            if f"{prefix}/{path}" not in stored:
                await files.put(f"{prefix}/{path}", copy / path)
    return code


def code_of(folder: Path, shared: Path | None = None) -> str:
    """What `snapshot` would call the code that is in the folder now; empty where it holds more than code."""
    files = contents(folder, shared)
    if sum(file.stat().st_size for file in files.values()) > CODE_SIZE:
        return ""
    return _digest(files)[0]


def contents(folder: Path, shared: Path | None = None) -> dict[str, Path]:
    """The plugin's code, file by file, by the path that each has in its copy, in order."""
    files = {path: folder / path for path in code_files(folder)}
    modules = shared_modules.imported_by(files, shared) if shared else {}
    return dict(sorted((files | {f"{shared_modules.FOLDER}/{path}": file for path, file in modules.items()}).items()))


def code_files(folder: Path) -> list[str]:
    """Paths below `folder`, with `/`, of what belongs to the plugin's code, in order. Links that lead out of it are left out."""
    found = []
    for root, folders, names in os.walk(folder):
        below = Path(root)
        folders[:] = sorted(each for each in folders if not _skipped(below / each))
        for each in sorted(names):
            path = below / each
            if each.startswith(".") or each.endswith((".pyc", ".pick")) or not path.is_file():
                continue
            if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
                continue
            found.append(path.relative_to(folder).as_posix())
    return sorted(found)


def _skipped(path: Path) -> bool:
    return path.name in SKIPPED or path.name.startswith(".") or (path / "pyvenv.cfg").exists()


def copy_code(folder: Path, copy: Path, shared: Path | None = None) -> None:
    """Copy what belongs to the plugin's code, and what it imports from `shared`. Raises Invalid where it is too big."""
    files = contents(folder, shared)
    sizes = {path: file.stat().st_size for path, file in files.items()}
    if sum(sizes.values()) > CODE_SIZE:
        biggest = max(sizes, key=lambda path: sizes[path])
        raise Invalid(
            f"the plugin's folder holds {sum(sizes.values()) / 2**20:.0f} MiB, at most {CODE_SIZE // 2**20} are its code; "
            f"the biggest file is {biggest} ({sizes[biggest] / 2**20:.0f} MiB): data belongs into the manifest's data_url",
            (str(folder),),
        )
    copy.mkdir(parents=True, exist_ok=True)
    for path, file in files.items():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy / path)


def _digest(files: dict[str, Path]) -> tuple[str, list[str]]:
    digest = hashlib.sha256()
    for path, file in files.items():
        content = file.read_bytes()
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16], [*files]


def _decode(path: Path) -> Any:
    """JSON, or YAML whose dates become text, so that either reads the same."""
    if (size := path.stat().st_size) > MANIFEST_SIZE:
        raise Invalid(f"{path.name}: it has {size} bytes, a manifest has {MANIFEST_SIZE} at most", (path.name,))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"{path.name}: not UTF-8 ({error.reason} at byte {error.start})", (path.name,)) from None
    if path.suffix == ".json":
        return _decode_json(text, path.name)
    return _decode_yaml(text, path.name)


def _decode_json(text: str, file: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"{file}: {error}", (file,)) from None


def _decode_yaml(text: str, file: str) -> Any:
    try:
        return yaml_reading.decode(text)
    except yaml_reading.YamlRefused as refused:
        raise Invalid(f"{file}: {refused}", (file,)) from None


def _folder_name(folder: Path) -> str:
    """The folder's name, with everything replaced that a name can't have: repositories are called `my.plugin` or `2024-data`."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", folder.resolve().name)
    return name if re.match(r"[A-Za-z_]", name) else f"_{name}"
