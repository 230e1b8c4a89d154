"""What went wrong in a plugin, told to those who wrote it: their frames, not ours."""

import os
import traceback
from typing import Any

from .documents import DocumentRefused
from .loading import FunctionMissing
from .results import ResultRefused


def described(error: BaseException, root: str, memory: int) -> dict[str, str]:
    """{message, detail, code} of what ended it; `detail` is a traceback of the plugin's frames, or a look at the document."""
    if isinstance(error, DocumentRefused):
        return {"message": str(error.args[0]), "detail": str(error.args[1]), "code": "DOCUMENT_INVALID"}
    if isinstance(error, FunctionMissing | ResultRefused):
        return {"message": str(error), "detail": "", "code": "PLUGIN_INVALID"}
    detail = "".join(_lines(traceback.TracebackException.from_exception(error, limit=-50), root))
    if isinstance(error, MemoryError):
        message = f"the plugin wanted more memory than the {memory / 2**20:.0f} MiB that it may have (LEAT_PLUGIN_MEMORY)"
        return {"message": message, "detail": detail, "code": "PLUGIN_MEMORY"}
    if isinstance(error, SystemExit):
        return {"message": f"the plugin called sys.exit({error.code!r})", "detail": detail, "code": "PLUGIN_FAILED"}
    message = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    return {"message": message[:1000], "detail": detail[-20_000:], "code": "PLUGIN_FAILED"}


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
        path = frame.filename.removeprefix(root).removeprefix("/plugins/")
        lines.append(f"  {path}, line {frame.lineno}, in {frame.name}\n")
        if frame.line:
            lines.append(f"    {frame.line}\n")
    return lines + list(problem.format_exception_only())
