"""Answers that may take long, in processes of their own: what tantivy does can't be interrupted, but a process can be ended.

A child answers one question at a time. Questions and answers are pickled, each behind its length; both ends are this code. A child
ends when its input does, and when an answer takes longer than any may, so that none outlives its gateway.
"""

import asyncio
import os
import pickle
import resource
import signal
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any, Final

from adapters.tantivy.index import Reader
from domain.errors import LeatError, Unavailable

MOST: Final = 4
"""Children at a time."""
WAIT: Final = 5.0
"""Seconds that a question may wait for one of them."""
NICE: Final = 10
"""Added to a child's niceness, so that short answers stay quick."""
ALARM: Final = 12
"""Seconds behind which the system ends a child that is at one answer, in case that nobody is left to end it."""
MEMORY: Final = 2**30
"""Bytes of memory that a child may have for itself, besides the index's files."""
LENGTH: Final = struct.Struct("<Q")


class Children:
    """The processes that answer about the indexes of one folder; started when needed, and kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._slots = asyncio.Semaphore(MOST)
        self._idle: list[asyncio.subprocess.Process] = []

    async def ask(self, name: str, method: str, *arguments: Any) -> Any:
        """What a method of the Reader of the index `name` answers. Cancelled, it ends the child. Raises what the method raises, and
        Unavailable where the children stay busy, or one died."""
        async with self._slot():
            child = self._idle.pop() if self._idle else await self._start()
            try:
                answer = await _converse(child, (name, method, arguments))
            except BaseException as error:
                await _end(child)
                if isinstance(error, (asyncio.IncompleteReadError, ConnectionError)):
                    raise Unavailable("the process that searched ended before it had an answer: try again") from error
                raise
            self._idle.append(child)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def close(self) -> None:
        """End those that wait for a question."""
        while self._idle:
            await _end(self._idle.pop())

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(WAIT):
                await self._slots.acquire()
        except TimeoutError:
            raise Unavailable("as many long queries as there may be are under way: try again later") from None
        try:
            yield
        finally:
            self._slots.release()

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "adapters.tantivy.children", str(self._folder)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if not name.startswith("LEAT_")},
            start_new_session=True,
        )


async def _converse(child: asyncio.subprocess.Process, question: Any) -> Any:
    assert child.stdin
    assert child.stdout
    data = pickle.dumps(question)
    child.stdin.write(LENGTH.pack(len(data)))
    child.stdin.write(data)
    await child.stdin.drain()
    (length,) = LENGTH.unpack(await child.stdout.readexactly(LENGTH.size))
    return pickle.loads(await child.stdout.readexactly(length))


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        child.kill()
    await asyncio.shield(child.wait())
    child._transport.close()  # type: ignore[attr-defined]  # asyncio has no other word for it


# -- the child's end ------------------------------------------------------------------------------------------------------


def answer(folder: Path, questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until the questions end."""
    readers: dict[str, Reader] = {}
    while length := questions.read(LENGTH.size):
        signal.alarm(ALARM)
        name, method, arguments = pickle.loads(questions.read(*LENGTH.unpack(length)))
        try:
            readers = {name: Reader.current(folder / name, readers.get(name))}
            found: Any = getattr(readers[name], method)(*arguments)
        except (LeatError, ValueError, OSError) as error:
            found = error
        data = pickle.dumps(found)
        answers.write(LENGTH.pack(len(data)))
        answers.write(data)
        answers.flush()
        signal.alarm(0)


def _limit(which: int, soft: int) -> None:
    _, hard = resource.getrlimit(which)
    resource.setrlimit(which, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


if __name__ == "__main__":
    os.nice(NICE)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_DATA, MEMORY)
    answer(Path(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
