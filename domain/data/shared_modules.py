"""Modules that the plugins of a hub share. They lie in a folder outside the plugin's own; those that a plugin imports, and those
that these import, are kept with its code, so that every worker has them and a change of one is a change of the code."""

import ast
from collections.abc import Iterator
from pathlib import Path

from domain.errors import Invalid

FOLDER = "leat_shared_modules"
"""Where they lie within a plugin's stored code; the plugin's process looks there (workers.plugin.host.loading)."""


def folder_of(plugin: Path, named: str, setting: str) -> Path | None:
    """The folder that a manifest's `modules` names, from the plugin's own on, else the one of the setting; None where neither names
    one. Raises Invalid where it is not there."""
    if not named and not setting:
        return None
    folder = (plugin / named).resolve() if named else Path(setting).expanduser().resolve()
    if not folder.is_dir():
        raise Invalid(f"{'modules' if named else 'LEAT_PLUGIN_MODULES'}: there is no folder {folder}", ("modules",))
    return folder


def imported_by(files: dict[str, Path], folder: Path) -> dict[str, Path]:
    """The modules in `folder` that a plugin of these files, by path, needs: by path too."""
    found: dict[str, Path] = {}
    pending = [(path, file) for path, file in files.items() if path.endswith(".py")]
    own = {file.resolve() for file in files.values()}
    while pending:
        path, file = pending.pop()
        for needed in _files(imports(file.read_bytes(), path), folder):
            inside = (folder / needed).resolve()
            if needed not in found and inside not in own and inside.is_relative_to(folder):
                found[needed] = inside
                pending.append((needed, inside))
    return found


def imports(source: bytes, path: str = "") -> set[str]:
    """Names of modules that a module's source imports, anywhere in it, and names that may be modules: `from a import b` may mean
    the module `a.b`. `path` says where relative imports start. None where it can't be read: the plugin's own run will tell."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return set()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = path.split("/")[: -node.level] if node.level else []
            module = ".".join([*above, *filter(None, [node.module])])
            found |= {module, *(f"{module}.{alias.name}".lstrip(".") for alias in node.names)}
    return found - {""}


def _files(names: set[str], folder: Path) -> Iterator[str]:
    """The files in the folder that these names stand for, packages on the way to them too; `hub` itself is never run."""
    for name in names:
        parts = name.split(".")
        for place in range(1, len(parts) + 1):
            stem = "/".join(parts[:place])
            for path in (f"{stem}.py", f"{stem}/__init__.py"):
                if path != "hub/__init__.py" and (folder / path).is_file():
                    yield path
