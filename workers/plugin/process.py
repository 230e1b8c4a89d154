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
from typing import Any, NamedTuple, Self

import orjson

from domain.errors import DiskFull, JobFailed, JobTimedOut
from domain.room import disk_full

Log = Callable[[str, str], Awaitable[None]]
"""Takes a line that the plugin printed, and its level."""

Wrapping = Callable[[Sequence[str]], Sequence[str]]
"""Makes of a command the one that runs it in a sandbox."""
SIGNALLED = 128
"""Exit codes above it are signals, for shells and sandboxes."""

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
    "SSL_CERT_DIR",
)
"""Variables of our environment that plugins see, in lower case too: no setting or secret of the hub."""


class Frame(NamedTuple):
    """What a plugin's process sent."""

    letter: bytes
    payload: bytes


class PluginProcess:
    """One call in a process of its own; use it as an asynchronous context manager.

    `request` is what `host.main` reads; `python` the interpreter with its flags; `home` a folder that the plugin may write to;
    `wrapped` makes of the command the one that runs it in a sandbox.
    """

    def __init__(
        self,
        request: Mapping[str, Any],
        *,
        python: Sequence[str],
        home: Path,
        memory: int,
        seconds: float,
        log: Log,
        wrapped: Wrapping | None = None,
    ) -> None:
        self.request = request
        self.python = python
        self.home = home
        self.memory = memory
        self.seconds = seconds
        self.log = log
        self.wrapped = wrapped
        self.timed_out = False
        self.over = False
        self.tail: deque[str] = deque(maxlen=20)

    async def __aenter__(self) -> Self:
        # Pipes of our own: asyncio's wait() for a process would also wait for whoever inherited one of its pipes.
        ends = dict.fromkeys(("lifeline", "printed", "frames"), (-1, -1))
        try:
            for name in ends:
                ends[name] = os.pipe()
            _widen(ends["frames"][0])
            command = (*self.python, str(START), orjson_file())
            self.process = await asyncio.create_subprocess_exec(
                *(self.wrapped(command) if self.wrapped else command),
                stdin=ends["lifeline"][0],
                stdout=ends["printed"][1],
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(ends["frames"][1],),
                cwd=self.home,
                env=self._environment(),
                start_new_session=True,
            )
        except BaseException:
            _close(ends["lifeline"][1], ends["printed"][0], ends["frames"][0])
            raise
        finally:
            _close(ends["lifeline"][0], ends["printed"][1], ends["frames"][1])
        self.frames = await _open_reader(ends["frames"][0], PIPE)
        self.printed = await _open_reader(ends["printed"][0], 1 << 16)
        self.printing = asyncio.create_task(self._copy_output())
        self.lifeline = await _open_writer(ends["lifeline"][1])
        self.deadline = asyncio.get_running_loop().call_later(self.seconds, self._out_of_time)
        request = {**self.request, "channel": ends["frames"][1], "memory": self.memory, "shim": str(SHIM)}
        if not self.lifeline.is_closing():  # else it has ended by itself, which the first frame tells
            self.lifeline.write(orjson.dumps(request) + b"\n")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.deadline.cancel()
        if not self.over:
            self._cut_lifeline()
        await asyncio.shield(self._end())

    async def receive(self) -> Frame:
        """The next frame: D or, last, R. Raises JobFailed with what the plugin said, or with how its process ended."""
        frame = await _read(self.frames.stream)
        self.over = frame is None or frame.letter != b"D"
        if frame is None:
            raise await self._ended()
        if frame.letter == b"E":
            told = orjson.loads(frame.payload)
            raise disk_full(self.home, told["message"], told["detail"]) if told["code"] == DiskFull.code else JobFailed(**told)
        return frame

    async def result(self) -> Any:
        """The result of a call that sends nothing else."""
        frame = await self.receive()
        if frame.letter != b"R":
            raise garbage()
        return orjson.loads(frame.payload)

    def _environment(self) -> dict[str, str]:
        passed = {name: value for name, value in os.environ.items() if name.upper() in PASSED_ON or name.startswith("LC_")}
        return {"LANG": "C.UTF-8", **certificates(), **passed, "HOME": str(self.home), "TMPDIR": str(self.home)}

    def _out_of_time(self) -> None:
        self.timed_out = True
        self._cut_lifeline()

    def _cut_lifeline(self) -> None:
        """End it, with all that it started: its guard does that as soon as nobody holds the lifeline."""
        if not self.lifeline.is_closing():  # else it has ended by itself, and asyncio fails at a pipe without reader
            self.lifeline.abort()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):  # all of them have ended
            os.killpg(self.process.pid, signal.SIGKILL)

    async def _exit_code(self) -> int | None:
        """How it ended, now that it should have; None where it had not. What it started ends with it."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), LAST_WORDS)
        code = self.process.returncode
        if self.wrapped and code and code > SIGNALLED:
            code = SIGNALLED - code  # the sandbox tells a signal as a shell does
        self._kill()
        await self.process.wait()
        return code

    async def _end(self) -> None:
        """Nothing of it is left afterwards: the process and its children, our pipes, the task that reads what it prints."""
        await self._exit_code()
        await asyncio.wait([self.printing], timeout=LAST_WORDS)
        self.printing.cancel()
        self.lifeline.close()
        self.printed.transport.close()
        self.frames.transport.close()

    async def _ended(self) -> JobFailed:
        """Why there are no more frames."""
        code = await self._exit_code()
        await asyncio.wait([self.printing], timeout=LAST_WORDS)
        detail = "\n".join(self.tail)
        if self.timed_out:
            return JobTimedOut(f"the plugin took longer than {self.seconds:g} s (LEAT_PLUGIN_TIMEOUT)", detail)
        return JobFailed(f"the plugin's process {_reason(code)}", detail, "PLUGIN_DIED")

    async def _copy_output(self) -> None:
        """Pass on what the plugin prints, line by line, up to LINES; whatever comes after that is drained and counted."""
        printed = 0
        rest = b""
        while chunk := await self.printed.stream.read(1 << 16):
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


def certificates() -> dict[str, str]:
    """What servers are checked against, by the names that Python's own library, requests and pip know it by, whichever of them the
    operator set. The paths are absolute: what reads them runs in another folder."""
    named = {name: os.path.abspath(path) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE") if (path := os.environ.get(name))}
    if bundle := named.get("REQUESTS_CA_BUNDLE"):
        named.setdefault("SSL_CERT_DIR" if os.path.isdir(bundle) else "SSL_CERT_FILE", bundle)
    elif file := named.get("SSL_CERT_FILE"):
        named["REQUESTS_CA_BUNDLE"] = file
    return named


def _reason(code: int | None) -> str:
    """Why a process sends nothing more, by its exit code."""
    if code is None:
        return "closed the channel that its documents leave by before it was done, and went on"
    if code == -signal.SIGKILL:
        return "was killed before it was done; perhaps the machine had no memory left"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name} before it was done"
    if code:
        return f"ended by itself with exit code {code} before it was done"
    return "ended before it answered: it closed the channel that its documents leave by, or called os._exit"


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")[:LINE]


async def _read(stream: asyncio.StreamReader) -> Frame | None:
    try:
        letter, size = HEADER.unpack(await stream.readexactly(HEADER.size))
        if letter not in (b"D", b"R", b"E") or size > LARGEST:
            raise garbage()
        return Frame(letter, await stream.readexactly(size))
    except asyncio.IncompleteReadError:
        return None


class Reader(NamedTuple):
    """Our end of a pipe that the process writes to."""

    stream: asyncio.StreamReader
    transport: asyncio.ReadTransport


async def _open_reader(descriptor: int, limit: int) -> Reader:
    stream = asyncio.StreamReader(limit)
    file = os.fdopen(descriptor, "rb", buffering=0)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), file)
    return Reader(stream, transport)


async def _open_writer(descriptor: int) -> asyncio.WriteTransport:
    file = os.fdopen(descriptor, "wb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_write_pipe(asyncio.Protocol, file)
    return transport


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        if descriptor >= 0:
            os.close(descriptor)


def garbage() -> JobFailed:
    """The error of a plugin that wrote what is no frame."""
    return JobFailed("the plugin wrote to the descriptor that its documents leave by", code="PLUGIN_FAILED")


def _widen(descriptor: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(PermissionError):  # more than the system lets this user have; a smaller pipe is only slower
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE)


def orjson_file() -> str:
    """The extension module itself: given by path, it needs none of our packages on the plugin's path."""
    spec = importlib.util.find_spec("orjson.orjson")
    if spec is None or spec.origin is None:
        raise JobFailed("orjson is not installed as an extension module")
    return spec.origin
