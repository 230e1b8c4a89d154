"""Lines of a job's log, and the files that they are stored in."""

from typing import Literal, NamedTuple

import msgspec

from domain.errors import NotFound, Unreadable
from domain.hub import Hub

Level = Literal["debug", "info", "warning", "error"]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a job's log."""

    number: int
    """1 for the attempt's first line; a gap where lines were dropped."""
    at: float
    """Unix seconds."""
    level: Level
    text: str


class Read(NamedTuple):
    """A line as it is read, with the attempt that said it."""

    attempt: int
    line: Line

    @property
    def position(self) -> tuple[int, int]:
        """(attempt, number): what lines are ordered by."""
        return self.attempt, self.line.number


class Segment(NamedTuple):
    """Consecutive lines of one attempt: a file of JSON, one line each, that is named for the first."""

    attempt: int
    first: int
    """Number of its first line."""
    size: int = 0
    """Bytes of the file."""
    lines: tuple[Line, ...] = ()
    """Of those that are no file yet (`domain.jobs.old_logs`)."""


_DECODER = msgspec.json.Decoder(Line)


def folder(job_id: str) -> str:
    """Where the log of a job is among the stored files."""
    return f"logs/{job_id}"


def path(job_id: str, attempt: int, first: int) -> str:
    """The file of a segment: derived, so that to store it again is to store the same."""
    return f"{folder(job_id)}/{attempt:06}.{first:012}.jsonl"


async def stored(hub: Hub, job_id: str) -> list[Segment]:
    """The files of a job's log, ordered."""
    segments: list[Segment] = []
    for file in await hub.files.find(folder(job_id)):
        attempt, first, _ = file.path.rsplit("/", 1)[1].split(".")
        segments.append(Segment(int(attempt), int(first), file.size))
    return segments


async def said(hub: Hub, job_id: str, segment: Segment) -> list[Read]:
    """The lines of a segment; none where it was dropped meanwhile. Raises Unreadable."""
    if segment.lines:
        return [Read(segment.attempt, line) for line in segment.lines]
    name = path(job_id, segment.attempt, segment.first)
    try:
        content = b"".join([chunk async for chunk in hub.files.open(name)])
        whole = content[: content.rfind(b"\n") + 1]  # the last line may be being written
        return [Read(segment.attempt, line) for line in _DECODER.decode_lines(whole)]
    except NotFound:
        return []
    except msgspec.DecodeError as error:
        raise Unreadable(f"the log in {name} can't be read: {error}") from error
