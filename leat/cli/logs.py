"""`leat log`: what a job, and its plugin, said, and why its attempts failed."""

from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from leat.cli import output
from leat.cli.exits import Ended, Exit
from leat.cli.live import read
from leat.cli.session import positive, talking

if TYPE_CHECKING:
    from leat.cli.client import Gateway

LINES = "lines { at attempt number level text }"
LOG = f"""query Log($id: ID!, $after: String, $last: Int, $attempt: Int, $search: String) {{
  jobLog(jobId: $id, after: $after, last: $last, attempt: $attempt, search: $search) {{ cursor more {LINES} }} }}"""
LIVE = f"subscription Live($id: ID!, $after: String) {{ jobEvents(jobId: $id, after: $after) {{ cursor {LINES} }} }}"
JOB = "query Job($id: ID!) { job(id: $id) { attempt step state outcome error { message detail } } }"
FAILURES = """query Failures($id: ID!, $after: String) { jobEvents(jobId: $id, after: $after) {
  events { attempt ... on JobQueued { error } ... on JobFinished { error } } } }"""

Line = dict[str, Any]


def define(parser: ArgumentParser) -> None:
    """Add the arguments."""
    talking(parser, _log).add_argument("id", help="a job")
    parser.add_argument("--attempt", type=positive, metavar="N", help="what one attempt said, by its number (all of them)")
    parser.add_argument("--follow", action="store_true", help="go on with what it says, until it ends; its exit code is the job's")
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--tail", type=positive, metavar="N", help="the last so many lines, up to 5000 (all of them)")
    part.add_argument("--search", metavar="TEXT", help="the lines that hold this text, in capitals or not")


async def _log(gateway: "Gateway", flags: Namespace) -> Exit:
    job, told, before = await _job(gateway, flags.id), list[Line](), Line()
    failures = await _failures(gateway, flags, job)
    async for line in _lines(gateway, flags):
        if flags.json and flags.follow:
            output.as_json(line)
        elif flags.json:
            told.append(line)
        else:
            _tell_failures(failures, line["attempt"] - 1)
            _tell_gap(before, line, flags.search)
            print(f"{line['at']}  {line['attempt']}  {line['level'].lower():7}  {line['text']}", flush=flags.follow)
        before = line
    if flags.follow:
        job = await _job(gateway, flags.id)
    if flags.json and not flags.follow:
        output.as_json(told)
    elif not flags.json:
        _tell_end(flags, job, failures)
    if flags.follow and not flags.json:
        output.note(f"{job['step']}: {output.word_of(job['outcome'] or job['state'])}")
    if not before:
        output.note(_nothing(flags, job["attempt"]))
    return Exit.FAILED if flags.follow and job["outcome"] != "SUCCEEDED" else Exit.DONE


async def _lines(gateway: "Gateway", flags: Namespace) -> AsyncIterator[Line]:
    """What was said, page by page; then what is said, where that is to be followed."""
    asked = {"id": flags.id, "last": flags.tail, "attempt": flags.attempt, "search": flags.search}
    found = {"cursor": None, "more": True}
    while found["more"]:
        found = (await gateway.execute(LOG, asked | {"after": found["cursor"]}))["jobLog"]
        for line in found["lines"]:
            yield line
    if flags.follow:
        async for batch in gateway.subscribe(LIVE, "jobEvents", {"id": flags.id, "after": found["cursor"]}):
            for line in batch["lines"]:
                if flags.attempt in (None, line["attempt"]) and (flags.search or "").casefold() in line["text"].casefold():
                    yield line


async def _job(gateway: "Gateway", id: str) -> dict[str, Any]:
    """The job as it stands. An id that is no job's is refused."""
    job: dict[str, Any] | None = (await gateway.execute(JOB, {"id": id}))["job"]
    if job:
        return job
    if await read(gateway, id):
        raise Ended(Exit.REFUSED, f"{id!r} is a run: `leat jobs --run {id}` lists its jobs")
    raise Ended(Exit.REFUSED, f"there is no job {id!r}")


async def _failures(gateway: "Gateway", flags: Namespace, job: dict[str, Any]) -> list[tuple[int, str]]:
    """(attempt, why it failed), oldest first, but for the failure that the record still has."""
    if flags.search or flags.json:
        return []
    events = (await gateway.execute(FAILURES, {"id": flags.id}))["jobEvents"]["events"]
    failed = [(event["attempt"], event["error"]) for event in events if event.get("error")]
    past = failed[:-1] if _is_down(job) else failed
    return [each for each in past if flags.attempt in (None, each[0])]


def _is_down(job: dict[str, Any]) -> bool:
    """It failed, and nobody does it again just now."""
    return bool(job["error"]) and job["outcome"] != "SUCCEEDED" and job["state"] in ("QUEUED", "FINISHED")


def _tell_failures(failures: list[tuple[int, str]], upto: int) -> None:
    """Why the attempts up to this one failed, each once."""
    while failures and failures[0][0] <= upto:
        failed, why = failures.pop(0)
        print(f"attempt {failed} failed: {why}")


def _tell_end(flags: Namespace, job: dict[str, Any], failures: list[tuple[int, str]]) -> None:
    """The last attempt's error, with a plugin's traceback; of a job that waits to be tried again too."""
    _tell_failures(failures, job["attempt"])
    if _is_down(job) and not flags.search and flags.attempt in (None, job["attempt"]):
        print(f"{job['error']['message']}\n{job['error']['detail']}".rstrip())


def _nothing(flags: Namespace, attempts: int) -> str:
    """Why there are no lines."""
    if flags.attempt and flags.attempt > attempts:
        from domain.wording import counted

        return f"there is no attempt {flags.attempt}: the job has had {counted(attempts, 'attempts')}"
    where = f" of attempt {flags.attempt}" if flags.attempt else ""
    return f"no line{where} holds {flags.search!r}" if flags.search else f"no line{where} was said"


def _tell_gap(before: Line, line: Line, search: str | None) -> None:
    """Say where lines were dropped between two that were asked for one behind the other."""
    if before and search is None and before["attempt"] == line["attempt"] and line["number"] > before["number"] + 1:
        output.note(f"{line['number'] - before['number'] - 1} lines were dropped here: LEAT_LOG_SIZE says how much is kept")
