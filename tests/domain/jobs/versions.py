"""Every version of every record that was ever written, and what must hold for each version and from one to the next."""

from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise
from typing import Any

import msgspec

from domain.data.sources import SOURCES
from domain.jobs.jobs import ALIVE, JOBS, Job
from domain.nouns import owner
from domain.ports.records import Records

Body = dict[str, Any]

USUAL = {field.name: field.default for field in msgspec.structs.fields(Job) if field.default is not msgspec.NODEFAULT}
"""What a record leaves out."""
STEPS = {
    ("QUEUED", "QUEUED"): {None},
    ("QUEUED", "RUNNING"): {None},
    ("QUEUED", "FINISHED"): {"CANCELED"},
    ("RUNNING", "RUNNING"): {None},
    ("RUNNING", "CANCELING"): {None},
    ("RUNNING", "QUEUED"): {None},
    ("RUNNING", "FINISHED"): {"SUCCEEDED", "FAILED", "TIMED_OUT"},
    ("CANCELING", "CANCELING"): {None},
    ("CANCELING", "FINISHED"): {"SUCCEEDED", "CANCELED"},
    ("FINISHED", "FINISHED"): {"SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELED"},
    ("FINISHED", "QUEUED"): {None},
}
"""From which state a job may come into which, and with which outcomes."""


class Recording:
    """Records that keep each version that was written, in the order in which the writes came to their end."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.written: list[tuple[str, str, Body | None]] = []
        """(kind, id, body), the body None where the record was deleted."""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self.records, name)

        async def call(kind: Any, *args: Any, **kwargs: Any) -> Any:
            result = await method(kind, *args, **kwargs)
            if name in ("insert", "replace", "delete") and result:
                usual = USUAL if kind.name == JOBS.kind.name else {}
                self.written.append((kind.name, args[0], None if name == "delete" else {**usual, **args[1]}))
            return result

        return call

    def versions(self, kind: str) -> Iterator[list[Body]]:
        """The versions of each record of a kind, the oldest first."""
        ids = dict.fromkeys(id for name, id, _ in self.written if name == kind)
        for id in ids:
            yield [body for name, other, body in self.written if (name, other) == (kind, id) and body is not None]


def check_versions(recording: Recording) -> None:
    """What must hold for each version that was written."""
    for versions in recording.versions(JOBS.kind.name):
        for job in versions:
            check_job(job)
        for before, after in pairwise(versions):
            check_step(before, after)
    for versions in recording.versions(SOURCES.kind.name):
        for source in versions:
            assert source["is_written"] == bool(source["writer"])
            assert source["is_untold"] == bool(source["untold"])
        for before, after in pairwise(versions):
            check_edit(before, after)


def check_job(job: Body) -> None:
    """The fields by which reapers find a job say what its state says."""
    state = job["state"]
    assert job["seq"] == len(job["events"])
    assert all(event.get("seq", number) == number for number, event in enumerate(job["events"], 1))
    assert job["is_alive"] == (state in ALIVE)
    assert job["is_untold"] == bool(job["untold"])
    assert job["is_held"] == bool(job["held"])
    assert (state == "FINISHED") == (job["outcome"] is not None) == (job["finished_at"] > 0)
    assert (job["result"] is not None) == (job["outcome"] == "SUCCEEDED")
    if state == "QUEUED":
        assert [job["is_held"], job["sent_at"] > 0, job["due_at"] > 0].count(True) == 1
    else:
        assert (job["due_at"], job["not_before"], job["waiting_for"], job["held"]) == (0.0, 0.0, "", "")
    if state not in ALIVE:
        assert job["pins"] == ()


def check_step(before: Body, after: Body) -> None:
    """A job goes on as it may: no event is taken back, no attempt counted down, no outcome changed."""
    assert after["outcome"] in STEPS[before["state"], after["state"]]
    assert after["events"][: before["seq"]] == before["events"]
    if (before["state"], after["outcome"]) == ("CANCELING", "SUCCEEDED"):
        assert after["result"].get("output")  # nothing but a switch is stronger than a cancel
    claimed = before["state"] == "QUEUED" and after["state"] == "RUNNING"
    seized = before["state"] in ALIVE and after["state"] == before["state"] and after["seq"] == before["seq"]
    assert after["attempt"] - before["attempt"] in ({1} if claimed else {0, 1} if seized else {0})
    if before["state"] == "FINISHED":
        assert after["state"] == "QUEUED" or after["outcome"] == before["outcome"]
        assert after["state"] == "FINISHED" or before["outcome"] != "SUCCEEDED"
        assert after["state"] == "FINISHED" or after["untold"] == before["untold"]


def check_edit(before: Body, after: Body) -> None:
    """A writer is followed by nobody or by a later attempt of its job; only the writer adds an output; nothing changes a noun
    that was removed but who follows or who makes it anew."""
    was, now = before["writer"], after["writer"]
    if was and now:
        assert owner(was)[0] == owner(now)[0]
        assert owner(was)[1] <= owner(now)[1]
    known = {output["output"] for output in before["outputs"]}
    assert {output["output"] for output in after["outputs"]} - known <= {now}
    assert not (after["deleted_at"] and now)


def most_active(recording: Recording) -> tuple[int, int]:
    """The most jobs under a rule that were neither held nor finished at a time: (of one key, in total)."""
    active: dict[str, str] = {}
    each = total = 0
    for kind, id, body in recording.written:
        if kind == JOBS.kind.name and body and body["rule"]:
            active.pop(id, None)
            if body["state"] != "FINISHED" and not body["is_held"]:
                active[id] = body["key"]
            keys = list(active.values())
            each, total = max([each, *map(keys.count, keys)]), max(total, len(keys))
    return each, total
