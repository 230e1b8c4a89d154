"""A plugin's process as we see it: started with a request, listened to, and ended without fail."""

import asyncio
import contextlib
import fcntl
import importlib.util
import os
import signal
import struct
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

import orjson

from domain.errors import JobFailed, JobTimedOut

Log = Callable[[str, str], Awaitable[None]]
"""Takes a line that the plugin printed, and its level."""

HEADER = struct.Struct(">cI")
LARGEST = 64 * 2**20
"""Bytes of a frame beyond which the plugin must have written to our descriptor itself: a batch is one megabyte and a document."""
PIPE = 2**20
"""Bytes that the pipe of documents holds, so that parser and store don't wait for each other at every 64 KiB."""
LINE = 2000
"""Characters of a printed line that are kept."""
LINES = 2000
"""Printed lines of one process that reach the job's log; a flood is drained and counted."""
LAST_WORDS = 3.0
"""Seconds that a process may take to end by itself after its last frame."""
START = Path(__file__).with_name("start.py")
SHIM = Path(__file__).with_name("shim")
PASSED_ON = (
    "PATH",
    "LANG",
    "TZ",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "FTP_PROXY",
    "ALL_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
"""Variables of our environment that plugins see, in lower case too: no setting or secret of the hub."""


class Frame(NamedTuple):
    """What a plugin's process sent."""

    letter: bytes
    payload: bytes


class PluginProcess:
    """One call in a process of its own; use it as an asynchronous context manager.

    `request` is what `host.main` reads; `python` the interpreter with its flags; `home` a folder that the plugin may write to.
    """

    def __init__(
        self, request: Mapping[str, Any], *, python: Sequence[str], home: Path, memory: int, seconds: float, log: Log
    ) -> None:
        self.request = request
        self.python = python
        self.home = home
        self.memory = memory
        self.seconds = seconds
        self.log = log
        self.timed_out = False
        self.over = False
        self.tail: deque[str] = deque(maxlen=20)

    async def __aenter__(self) -> Self:
        read, write = os.pipe()
        self.frames: BinaryIO = os.fdopen(read, "rb")
        try:
            _widen(read)
            self.process = await asyncio.create_subprocess_exec(
                *(*self.python, str(START), _orjson_file()),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(write,),
                cwd=self.home,
                env=self._environment(),
                start_new_session=True,
            )
        except BaseException:
            self.frames.close()
            raise
        finally:
            os.close(write)
        request = {**self.request, "channel": write, "memory": self.memory, "shim": str(SHIM)}
        assert self.process.stdin is not None
        self.process.stdin.write(orjson.dumps(request) + b"\n")
        self.printing = asyncio.create_task(self._copy_output())
        self.deadline = asyncio.get_running_loop().call_later(self.seconds, self._out_of_time)
        self.reading: asyncio.Future[Frame | None] | None = None
        return self

    async def __aexit__(self, *_: object) -> None:
        self.deadline.cancel()
        if not self.over:
            self._kill()
        await asyncio.shield(self._end())

    async def receive(self) -> Frame:
        """The next frame: D or, last, R. Raises JobFailed with what the plugin said, or with how its process ended."""
        self.reading = asyncio.ensure_future(asyncio.to_thread(_read, self.frames))
        frame = await asyncio.shield(self.reading)
        self.over = frame is None or frame.letter != b"D"
        if frame is None:
            raise await self._ended()
        if frame.letter == b"E":
            raise JobFailed(**orjson.loads(frame.payload))
        return frame

    async def result(self) -> Any:
        """The result of a call that sends nothing else."""
        frame = await self.receive()
        if frame.letter != b"R":
            raise _garbage()
        return orjson.loads(frame.payload)

    def _environment(self) -> dict[str, str]:
        passed = {name: value for name, value in os.environ.items() if name.upper() in PASSED_ON or name.startswith("LC_")}
        return {"LANG": "C.UTF-8", **passed, "HOME": str(self.home), "TMPDIR": str(self.home)}

    def _out_of_time(self) -> None:
        self.timed_out = True
        self._kill()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):  # all of them have ended
            os.killpg(self.process.pid, signal.SIGKILL)

    async def _end(self) -> None:
        """Nothing of it is left afterwards: the process and its children, our pipe, the task that reads what it prints."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), LAST_WORDS)
        self._kill()  # what it started may outlive it
        await self.process.wait()
        await asyncio.wait([self.printing], timeout=LAST_WORDS)
        self.printing.cancel()
        if self.reading is None or self.reading.done() or (await asyncio.wait([self.reading], timeout=LAST_WORDS))[0]:
            self.frames.close()
        assert self.process.stdin is not None
        self.process.stdin.close()

    async def _ended(self) -> JobFailed:
        """Why there are no more frames."""
        code = await self.process.wait()
        await asyncio.wait([self.printing], timeout=LAST_WORDS)
        detail = "\n".join(self.tail)
        if self.timed_out:
            return JobTimedOut(f"the plugin took longer than {self.seconds:g} s (LEAT_PLUGIN_TIMEOUT)", detail)
        if code == -signal.SIGKILL:
            reason = "was killed; perhaps the machine had no memory left"
        elif code < 0:
            reason = f"was ended by {signal.Signals(-code).name}"
        else:
            reason = f"ended by itself with exit code {code}"
        return JobFailed(f"the plugin's process {reason} before it was done", detail, "PLUGIN_DIED")

    async def _copy_output(self) -> None:
        """Pass on what the plugin prints, line by line, up to LINES; whatever comes after that is drained and counted."""
        assert self.process.stdout is not None
        printed = 0
        rest = b""
        while chunk := await self.process.stdout.read(1 << 16):
            *lines, rest = (rest + chunk).split(b"\n")
            rest = rest[-1 << 16 :]
            for line in lines:
                printed += 1
                if printed <= LINES:
                    await self._print(line)
            if lines and printed > LINES:
                self.tail.append(_text(lines[-1]))
        if rest:
            await self._print(rest)
        if printed > LINES:
            await self.log(f"… the plugin printed {printed - LINES} more lines", "warning")

    async def _print(self, line: bytes) -> None:
        text = _text(line)
        self.tail.append(text)
        prefix, _, _ = text.partition(":")
        await self.log(text, {"DEBUG": "debug", "WARNING": "warning", "ERROR": "error", "CRITICAL": "error"}.get(prefix, "info"))


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")[:LINE]


def _read(file: BinaryIO) -> Frame | None:
    header = file.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    letter, size = HEADER.unpack(header)
    if letter not in (b"D", b"R", b"E") or size > LARGEST:
        raise _garbage()
    payload = file.read(size)
    return Frame(letter, payload) if len(payload) == size else None


def _garbage() -> JobFailed:
    return JobFailed("the plugin wrote to the descriptor that its documents leave by", code="PLUGIN_FAILED")


def _widen(descriptor: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(PermissionError):  # beyond what the system lets this user have; it is slower so
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE)


def _orjson_file() -> str:
    """The extension module itself: given by path, it needs none of our packages on the plugin's path."""
    spec = importlib.util.find_spec("orjson.orjson")
    if spec is None or spec.origin is None:
        raise JobFailed("orjson is not installed as an extension module")
    return spec.origin
