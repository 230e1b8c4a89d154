"""What a test lets another process do to the same data: `python -m tests.adapters.process <what> <place> …`."""

import asyncio
import hashlib
import os
import resource
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from domain.errors import Stale
from domain.jobs.logs import LogWriter
from domain.parts import Parts
from tests.adapters.places import KIND, Place, document, open_documents, open_files, prepared_records
from tests.domain.jobs.processes import open_hub


def say(*words: object) -> None:
    """One line to the test, at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def add(place: Place, times: str) -> None:
    """Add one to the counter of the record `shared`, this often, by compare-and-set."""
    async with prepared_records(place) as records:
        for _ in range(int(times)):
            while True:
                record = await records.get(KIND, "shared")
                assert record
                try:
                    await records.replace(KIND, "shared", {**record.body, "n": record.body["n"] + 1}, record.version)
                except Stale:
                    continue
                break


async def write_for_ever(place: Place, tasks: str) -> None:
    """Insert and replace records, and say which write has returned, until killed."""

    async def one(task: int) -> None:
        for number in count():
            id = f"{task}-{number}"
            await records.insert(KIND, id, {"created_at": 0.0, "n": 1, "twin": 1, "fill": "x" * 1000})
            say(id, 1)
            await records.replace(KIND, id, {"created_at": 0.0, "n": 2, "twin": 2, "fill": "y" * 1000}, 1)
            say(id, 2)

    async with prepared_records(place) as records:
        await asyncio.gather(*(one(task) for task in range(int(tasks))))


async def write_documents_for_ever(place: Place) -> None:
    """Seal one collection and write another, saying so, until killed."""
    async with open_documents(place) as documents:
        await documents.create("sealed.1")
        await documents.write("sealed.1", [document(f"{n:05}", fill="x" * 500) for n in range(2000)])
        await documents.seal("sealed.1", {"part": "a"})
        await documents.create("torn.1")
        for batch in count():
            await documents.write("torn.1", [document(f"{batch}-{n}", fill="y" * 500) for n in range(200)])
            say(batch)


async def seal_documents_for_ever(place: Place) -> None:
    """Write and seal small collections, saying which is sealed, until killed."""
    async with open_documents(place) as documents:
        for number in count():
            name = f"c{number}.1"
            await documents.create(name)
            await documents.write(name, [document(f"{n:05}", fill="x" * 500) for n in range(300)])
            await documents.seal(name, {"number": number})
            say(name)


async def put_for_ever(place: Place, folder: str) -> None:
    """Put a file of one repeated byte again and again, another byte each time, saying so, until killed."""
    async with open_files(place) as files:
        for number in count():
            source = Path(folder, "source")
            await asyncio.to_thread(source.write_bytes, bytes([number % 256]) * 3_000_000)
            await files.put("a/file", source)
            say(number)


async def append_for_ever(place: Place) -> None:
    """Go on with a file of numbers that comes in parts, saying how many bytes are confirmed, until killed."""

    async def numbers(offset: int) -> AsyncIterator[bytes]:
        yield b"".join(number.to_bytes(4, "big") for number in range(offset // 4, offset // 4 + 10_000))

    async with open_files(place) as files:
        coming = Parts(files)
        held = await coming.held("u")
        while True:
            held = await coming.append("u", held, numbers(held))
            say(held)


async def append_large(place: Place, size: str) -> None:
    """Bring a file of this many bytes in parts, and say the largest resident size before and after: kilobytes."""
    chunk, digest, count = os.urandom(10**6), hashlib.sha256(), int(size) // 10**6

    async def content() -> AsyncIterator[bytes]:
        for _ in range(count):
            digest.update(chunk)
            yield chunk

    async with open_files(place) as files:
        await files.put("before", chunk)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        coming = Parts(files)
        await coming.append("u", 0, content())
        await coming.complete("u", "after", int(size), digest.hexdigest())
        say(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


async def log_for_ever(place: Place) -> None:
    """Say lines, a few between two flushes, saying which one is stored, until killed."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_files(place) as files, open_hub(Path(folder)) as hub:
            log = LogWriter(replace(hub, files=files), "j", "r", 1)
            for number in count(1):
                log.add(f"line {number} {'x' * 200}", "info")
                if number % 7 == 0:
                    await log.flush()
                    say(number)


COMMANDS: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
    "add": add,
    "append_for_ever": append_for_ever,
    "append_large": append_large,
    "log_for_ever": log_for_ever,
    "put_for_ever": put_for_ever,
    "seal_documents_for_ever": seal_documents_for_ever,
    "write_documents_for_ever": write_documents_for_ever,
    "write_for_ever": write_for_ever,
}

if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    asyncio.run(COMMANDS[what](Place(*arguments[:4]), *arguments[4:]))
