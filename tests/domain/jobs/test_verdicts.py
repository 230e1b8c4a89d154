"""What a job becomes of each verdict, as a table; with nothing running elsewhere."""

import time
from typing import Any

import pytest

from domain.errors import JobFailed, JobTimedOut, NotFound, Unavailable
from domain.jobs.jobs import Job, Progress
from domain.jobs.retries import Retry
from domain.jobs.verdicts import Failed, Stopped, Succeeded, Verdict, Waiting, ended
from events.apis import MappingValidated, ReleaseCreated
from events.builds import BuildFinished
from events.message import Event, Failure
from events.schedules import ScheduleRemoved
from events.sources import File, Inspected, Part, SourceDumped, SourceInspected, SourceUploaded

EVENT = SourceUploaded(source="s", release="1", output="j.3", dump="", code="")
ONCE = Retry(attempts=1)


def job(**changes: Any) -> Job:
    """A job at its third attempt."""
    alive: dict[str, Any] = {"state": "RUNNING", "attempt": 3, "is_alive": True, "worker": "w", "pins": ("x.1",), "sent_at": 5.0}
    return Job(run_id="j", command={}, type="UploadSource", queue="upload", input_hash="", created_at=0.0, **{**alive, **changes})


@pytest.mark.parametrize(
    ("state", "verdict", "outcome"),
    [
        ("RUNNING", Succeeded(EVENT, switched=False), "SUCCEEDED"),
        ("RUNNING", Succeeded(EVENT, switched=True), "SUCCEEDED"),
        ("CANCELING", Succeeded(EVENT, switched=True), "SUCCEEDED"),
        ("CANCELING", Succeeded(EVENT, switched=False), "CANCELED"),
        ("CANCELING", Failed(ValueError(), Retry()), "CANCELED"),
        ("CANCELING", Stopped(), "CANCELED"),
        ("CANCELING", Waiting("k"), "CANCELED"),
        ("RUNNING", Failed(ValueError(), ONCE), "FAILED"),
        ("RUNNING", Failed(NotFound("gone"), Retry()), "FAILED"),
        ("RUNNING", Failed(JobTimedOut("long"), Retry()), "TIMED_OUT"),
    ],
)
def test_what_ends_the_job(state: Any, verdict: Verdict, outcome: str) -> None:
    """FINISHED, with its outcome in the record and in its last event, and to be followed."""
    after = ended("j", job(state=state), verdict)

    assert (after.state, after.outcome, after.is_alive, after.pins, after.due_at) == ("FINISHED", outcome, False, (), 0.0)
    assert (after.events[-1]["type"], after.events[-1]["outcome"], after.events[-1]["attempt"]) == ("JobFinished", outcome, 3)
    assert after.untold == after.events
    assert after.finished_at == pytest.approx(time.time(), abs=60)
    assert (after.result or {}).get("output") == ("j.3" if outcome == "SUCCEEDED" else None)


MADE: dict[str, Any] = {"job_id": "j", "output": "j.3"}
PARTS = {"a": Part(collection="j.3.a", count=40), "b": Part(collection="j.3.b", count=2)}


@pytest.mark.parametrize(
    ("event", "done"),
    [
        (SourceDumped(source="s", release="1", files=(File(name="x", size=9, sha256=""),) * 3, **MADE), (3, 3, "files", "")),
        (SourceUploaded(source="s", release="1", dump="", code="", parts=PARTS, **MADE), (42, 42, "documents", "")),
        (
            SourceUploaded(source="s", release="1", dump="", code="", parts=PARTS, unchanged=True, **MADE),
            (0, None, "", "nothing new"),
        ),
        (
            SourceUploaded(
                source="s", release="1", dump="", code="", parts=PARTS, failed={"b": Failure(code="x", message="y")}, **MADE
            ),
            (40, 40, "documents", ""),
        ),
        (
            SourceInspected(source="s", upload="u", parts={"a": Inspected(collection="c", paths=5, documents=8)}, **MADE),
            (8, 8, "documents", ""),
        ),
        (BuildFinished(build="b", version="1", configuration=1, count=77, **MADE), (77, 77, "documents", "")),
        (ReleaseCreated(api="a", build="b.1", version="1", count=76, **MADE), (76, 76, "documents", "")),
        (MappingValidated(source="s", documents=500), (500, 500, "documents", "")),
        (ScheduleRemoved(schedule="x"), (1, 9, "bytes", "file 1 of 2")),
    ],
)
def test_progress_ends_with_what_was_done(event: Event, done: tuple[Any, ...]) -> None:
    """Not with what was told last while it worked; an event that counts nothing leaves that as it is."""
    working = Progress(done=1, total=9, unit="bytes", message="file 1 of 2")

    after = ended("j", job(progress=working), Succeeded(event, switched=True)).progress

    assert (after.done, after.total, after.unit, after.message) == done


@pytest.mark.parametrize(
    ("verdict", "reason", "waiting_for", "counts"),
    [
        (Failed(ValueError("a"), Retry(base=9.0)), "failed", "", (1, 0)),
        (Failed(ValueError("a"), Retry(base=9.0, attempts=1), "lost"), "lost", "", (0, 0)),
        (Failed(Unavailable("a"), Retry(base=9.0)), "failed", "", (0, 1)),
        (Stopped(), "stopped", "", (0, 0)),
        (Waiting("k"), "waiting", "k", (0, 0)),
    ],
)
def test_what_puts_it_back(verdict: Verdict, reason: str, waiting_for: str, counts: tuple[int, int]) -> None:
    """QUEUED again: the last event says why, and for whom it waits; a stop and a wait cost nothing; it is to be sent anew."""
    after = ended("j", job(progress=Progress(done=1)), verdict)

    event = after.events[-1]
    assert (after.state, after.outcome, after.is_alive, after.pins, after.worker) == ("QUEUED", None, False, (), "")
    assert (event["type"], event.get("reason"), event.get("waiting_for", "")) == ("JobQueued", reason, waiting_for)
    assert (after.waiting_for, after.failures, after.outages) == (waiting_for, *counts)
    assert after.sent_at == 0.0
    assert after.due_at == pytest.approx(after.not_before or event["at"] + 10.0)
    assert (after.not_before > event["at"] + 5.0) == (event.get("error", "") != "")
    assert after.untold == ()


@pytest.mark.parametrize(
    ("error", "code", "message", "detail"),
    [
        (JobFailed("it broke", "line 3", "PLUGIN"), "PLUGIN", "it broke", "line 3"),
        (NotFound("gone"), "NOT_FOUND", "gone", ""),
        (ValueError("a mistake"), "INTERNAL", "ValueError: a mistake", "ValueError: a mistake\n"),
    ],
)
def test_what_is_kept_of_an_error(error: Exception, code: str, message: str, detail: str) -> None:
    """Its own words where it has some, else its traceback; the last event says the message too."""
    after = ended("j", job(), Failed(error, ONCE))

    assert after.error
    assert (after.error.code, after.error.message, after.error.detail) == (code, message, detail)
    assert after.events[-1]["error"] == message
