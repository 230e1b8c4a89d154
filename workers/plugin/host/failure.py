"""What went wrong in a plugin, told to those who wrote it: their frames, not ours."""

import errno
import importlib
import os
import traceback
from typing import Any

from .documents import DocumentRefused
from .files.refusal import FileRefused
from .loading import FunctionMissing
from .results import ResultRefused

HUBS = frozenset({"biothings", "config", "hub", "myvariant", "utils"})
"""Packages of a hub. Those of their modules that published plugins import are there (`aliases`, and the shim); no distribution
brings the others."""
NAMED = 10
"""Files that a message names."""


def described(error: BaseException, request: dict[str, Any]) -> dict[str, str]:
    """{message, detail, code} of what ended it; `detail` is a traceback of the plugin's frames, or a look at the document."""
    root, memory = request["root"], request["memory"]
    if isinstance(error, DocumentRefused):
        return {"message": str(error.args[0]), "detail": str(error.args[1]), "code": "DOCUMENT_INVALID"}
    if isinstance(error, FileRefused):
        return {"message": str(error), "detail": "", "code": "FILE_INVALID"}
    if isinstance(error, FunctionMissing | ResultRefused):
        return {"message": str(error), "detail": "", "code": "PLUGIN_INVALID"}
    detail = "".join(_lines(traceback.TracebackException.from_exception(error, limit=-50), root))
    if isinstance(error, MemoryError):
        message = f"the plugin wanted more memory than the {memory / 2**20:.0f} MiB that it may have (LEAT_PLUGIN_MEMORY)"
        return {"message": message, "detail": detail, "code": "PLUGIN_MEMORY"}
    if isinstance(error, SystemExit):
        return {"message": f"the plugin called sys.exit({error.code!r})", "detail": detail, "code": "PLUGIN_FAILED"}
    message = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1].replace(f"{request['data']}/", "")
    hint = _hint(error, request)
    return {
        "message": message[:1000] + (f"; {hint}" if hint else ""),
        "detail": detail[-20_000:],
        "code": "DISK_FULL" if _is_full(error) else "PLUGIN_FAILED",
    }


def _is_full(error: BaseException | None) -> bool:
    """Did the disk have no room, whatever a library made of that?"""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False


def _hint(error: BaseException, request: dict[str, Any]) -> str:
    """What may help; empty where nobody knows."""
    root, data = request["root"], request["data"]
    if isinstance(error, SyntaxError) and str(error.filename).startswith(root):
        return f"in {_shown(str(error.filename), root)}, line {error.lineno}"
    if isinstance(error, ModuleNotFoundError) and error.name and not _is_own(error.name, root, request["name"]):
        top = error.name.split(".")[0]
        if top in HUBS:
            where = "name the folder where it lies in the manifest's `modules`, or copy it into the plugin's folder"
            return f"{error.name} is a module of the hub that the plugin was written for: {where}"
        return f"name the package that brings {top} in the manifest's `requires`"
    if isinstance(error, FileNotFoundError) and str(error.filename).startswith(f"{data}/") and os.path.isdir(data):
        files = sorted(os.listdir(data))
        packed = any(file.endswith((".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz")) for file in files)
        unpacked = "; packed ones are unpacked where the manifest's dumper says `uncompress`"
        return f"the dump has {_names(files)}" + (unpacked if packed and not request["uncompress"] else "")
    if isinstance(error, KeyError) and "There is no item named" in str(error) and os.path.isdir(data):  # zipfile's
        zips = sorted(file for file in os.listdir(data) if file.endswith(".zip"))
        return "; ".join(f"{file} has {_names(_members(os.path.join(data, file)))}" for file in zips[:3])
    return ""


def _is_own(module: str, root: str, plugin: str) -> bool:
    """Whether a module's name can only mean one of the plugin's."""
    top = os.path.join(root, "plugins", plugin, module.split(".")[0])
    return module.startswith("plugins.") or os.path.isdir(top) or os.path.isfile(f"{top}.py")


def _members(archive: str) -> list[str]:
    zipfile: Any = importlib.import_module("zipfile")  # takes longer than most of this process's start
    try:
        with zipfile.ZipFile(archive) as opened:
            return sorted(opened.namelist())
    except (OSError, zipfile.BadZipFile):
        return []


def _names(files: list[str]) -> str:
    rest = len(files) - NAMED
    return (", ".join(files[:NAMED]) or "no files") + (f" and {rest} more" if rest > 0 else "")


def _shown(path: str, root: str) -> str:
    """A file of the plugin as its authors know it."""
    return path.removeprefix(root).removeprefix("/plugins/")


def _lines(problem: Any, root: str) -> list[str]:
    lines: list[str] = []
    cause = problem.__cause__ or (None if problem.__suppress_context__ else problem.__context__)
    if cause is not None:
        lines += [*_lines(cause, root), "\nThe error above led to:\n\n"]
    frames = [frame for frame in problem.stack if frame.filename.startswith(root)]
    if not frames and problem.stack and not os.path.dirname(__file__).startswith(os.path.dirname(problem.stack[-1].filename)):
        frames = list(problem.stack)[-5:]
    if frames:
        lines.append("Traceback (most recent call last):\n")
    for frame in frames:
        lines.append(f"  {_shown(frame.filename, root)}, line {frame.lineno}, in {frame.name}\n")
        if frame.line:
            lines.append(f"    {frame.line}\n")
    return lines + [line.replace(f"{root}/plugins/", "") for line in problem.format_exception_only()]
