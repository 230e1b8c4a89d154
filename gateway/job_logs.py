"""`GET /jobs/<job>/log`: what a job said as text, whole or by ranges of bytes."""

import asyncio
import logging
import re
from datetime import UTC, datetime

from aiohttp import web
from aiohttp.typedefs import Handler

from domain.errors import NotFound, Unavailable, Unreadable
from domain.hub import Hub
from domain.jobs import logs
from domain.jobs.failures import shown
from domain.jobs.jobs import JOBS, Job
from domain.visibility import check
from gateway.authentication import Authentication
from gateway.graphql.nodes import local_id

log = logging.getLogger(__name__)

PAGE = 5000
"""Lines that are read at a time."""
_RANGE = re.compile(r"bytes=(\d{1,18})?-(\d{1,18})?")


def serve_logs(hub: Hub, known: Authentication) -> Handler:
    """The handler, for callers whom `known` recognises. A log has an upper bound (LEAT_LOG_SIZE), and so has its text."""

    async def serve(request: web.Request) -> web.StreamResponse:
        id = local_id("Job", request.match_info["job"])
        try:
            job = (await JOBS.get(hub.records, id)).value
            check(known.caller_of(request.headers), job, "job", id)
            content = await _text(hub, id, job)
        except NotFound as error:
            return web.json_response({"error": error.message}, status=404)
        except (Unavailable, Unreadable) as error:  # its text names servers: that is for who runs the hub
            log.warning("log not served", extra={"job_id": id, "error": str(error)})
            return web.json_response({"error": "the log can't be read just now; the hub's own log says why"}, status=503)
        return _part(content, request.headers.get("Range", ""))

    return serve


async def _text(hub: Hub, id: str, job: Job) -> bytes:
    """A line of text for each line of the log, then the error of a job that failed."""
    parts: list[bytes] = []
    page = logs.Page([], (0, 0), more=True)
    while page.more:
        page = await logs.read(hub, id, page.cursor, PAGE)
        parts.append(await asyncio.to_thread(_lines, page.lines))
    if job.state == "FINISHED" and job.error:
        error = shown(job.error)
        parts.append(f"{error.message}\n{error.detail}".rstrip().encode() + b"\n")
    return b"".join(parts)


def _lines(lines: list[logs.Read]) -> bytes:
    return "".join(f"{_shown(line.at)}  {attempt}  {line.level:7}  {line.text}\n" for attempt, line in lines).encode()


def _shown(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _part(content: bytes, asked: str) -> web.Response:
    """The range that was asked for, where it is one that RFC 9110 knows; else all of it."""
    size = len(content)
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    match = _RANGE.fullmatch(asked.strip())
    if match is None or not (match[1] or match[2]) or (match[1] and match[2] and int(match[2]) < int(match[1])):
        return web.Response(body=content, headers=headers, content_type="text/plain", charset="utf-8")
    first = int(match[1]) if match[1] else max(0, size - int(match[2]))
    last = min(int(match[2]), size - 1) if match[1] and match[2] else size - 1
    if first >= size or last < first:
        return web.Response(status=416, headers=headers | {"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return web.Response(status=206, body=content[first : last + 1], headers=headers, content_type="text/plain", charset="utf-8")
