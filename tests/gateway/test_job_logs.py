"""A job's log over HTTP."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import JobFailed
from domain.hub import Hub
from domain.jobs.logs import LogWriter
from domain.jobs.retries import Retry
from domain.jobs.verdicts import Failed
from gateway.job_logs import _part
from tests.gateway.conftest import TOKEN, Client, started


async def fetch(client: Client, job: str, token: str = TOKEN, **headers: str) -> tuple[int, str, dict[str, str]]:
    """Status, text and headers."""
    sent = {"Authorization": f"Bearer {token}", **headers}
    async with client.session.get(f"{client.url}/jobs/{job}/log", headers=sent) as answer:
        return answer.status, await answer.text(), dict(answer.headers)


async def test_a_log_is_fetched_whole_and_by_ranges(client: Client, hub: Hub) -> None:
    """A line of text for each line; a job that failed ends with its error and detail. Parts together are the whole."""
    attempt = await started(hub)
    writer = LogWriter(hub, attempt.id, attempt.job.run_id, attempt.number)
    for text, level in (("began: Größe 3", "info"), ("odd", "warning")):
        writer.add(text, level)  # type: ignore[arg-type]
    await writer.flush()
    await attempt.finish(Failed(JobFailed("no column", "Traceback\n  line 3"), Retry(attempts=1)))

    status, text, headers = await fetch(client, attempt.id)
    size = len(text.encode())
    start = await fetch(client, attempt.id, Range="bytes=0-9")
    rest = await fetch(client, attempt.id, Range="bytes=10-")

    assert (status, headers["Content-Type"], headers["Accept-Ranges"]) == (200, "text/plain; charset=utf-8", "bytes")
    first, second, *error = text.splitlines()
    assert (first[24:], second[24:]) == ("  1  info     began: Größe 3", "  1  warning  odd")
    assert error == ["no column", "Traceback", "  line 3"]
    assert (start[0], start[1] + rest[1]) == (206, text)
    assert rest[2]["Content-Range"] == f"bytes 10-{size - 1}/{size}"
    past = await fetch(client, attempt.id, Range=f"bytes={size}-")
    assert (past[0], past[2]["Content-Range"]) == (416, f"bytes */{size}")


async def test_what_is_refused(client: Client, hub: Hub) -> None:
    """Nobody without the token, and nothing of a job that is not there."""
    attempt = await started(hub)

    assert (await fetch(client, attempt.id, token="wrong"))[0] == 401
    assert (await fetch(client, "nothing"))[:2] == (404, '{"error": "there is no job \'nothing\'"}')
    assert (await fetch(client, attempt.id))[:2] == (200, "")


@given(st.binary(max_size=30), st.integers(0, 40), st.integers(0, 40))
def test_ranges_are_those_of_the_bytes(content: bytes, first: int, last: int) -> None:
    """From one to another, from one on, and the last so many; what lies behind the end is refused."""
    between = _part(content, f"bytes={first}-{last}")
    onwards = _part(content, f"bytes={first}-")
    end = _part(content, f"bytes=-{last}")

    if last < first:
        assert (between.status, between.body) == (200, content)
    else:
        assert between.status == (206 if first < len(content) else 416)
        assert not content[first:] or between.body == content[first : last + 1]
    assert onwards.status == (206 if first < len(content) else 416)
    assert not content[first:] or onwards.body == content[first:]
    assert end.status == (206 if last and content else 416)
    assert not (last and content) or end.body == content[-last:]


@pytest.mark.parametrize("asked", ["", "bytes=-", "bytes=1-2,4-5", "lines=1-2", "bytes=a-", "bytes=3-1"])
def test_what_is_no_range_gets_all(asked: str) -> None:
    """As RFC 9110 has it."""
    assert (_part(b"content", asked).status, _part(b"content", asked).body) == (200, b"content")
