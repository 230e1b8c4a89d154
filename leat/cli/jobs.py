"""`leat run | jobs | watch | log | cancel | retry`: what is asked for, and what becomes of it."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from leat.cli import output
from leat.cli.exits import Ended, Exit
from leat.cli.live import follow, read, start
from leat.cli.session import positive, starting, talking

if TYPE_CHECKING:
    from leat.cli.client import Gateway

JOBS = """query Jobs($filter: JobFilter, $first: Int!) { jobs(filter: $filter, first: $first) { nodes {
  id jobId runId step type target state outcome attempt failures worker createdAt startedAt finishedAt notBefore waitingFor held
  handle isStopping progress { done total unit message }
  error { code message } } } }"""
DEAD = "query Dead($first: Int!) { deadLetters(first: $first) { nodes { id queue reason body createdAt } } }"
JOB = "query Job($id: ID!) { job(id: $id) { jobId runId } }"
ENDED = "query Ended($id: ID!) { job(id: $id) { attempt outcome error { message detail } } }"
LOG = """query Log($id: ID!, $after: String, $last: Int, $attempt: Int, $search: String) {
  jobLog(jobId: $id, after: $after, last: $last, attempt: $attempt, search: $search) {
    cursor more lines { at attempt number level text } } }"""
FOUND_BY = ({"state"}, {"queue", "state"}, {"target"}, {"target", "state"}, {"runId"}, {"outcome"})
"""What jobs are found by: the flags that go together."""
WIDTH = 100
"""Characters of a dead letter that people are shown."""
QUIET = ("id", "at", "type", "run_id", "cause_id")
"""Fields of an event that are not shown to people."""
HUB = """subscription Hub($after: String) { hubEvents(after: $after) { events { kind jobId runId at event } cursor gap } }"""


def define(parser: ArgumentParser) -> None:
    """Add the arguments of one of these commands."""
    match parser.get_default("command"):
        case "run":
            starting(talking(parser, _run)).add_argument("api", help="the API that everything is done for")
        case "jobs":
            talking(parser, _jobs)
            parser.add_argument("--state", choices=("QUEUED", "RUNNING", "CANCELING", "FINISHED"), help="where they stand")
            parser.add_argument("--outcome", choices=("SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELED"), help="how they ended")
            parser.add_argument("--queue", help="the queue that takes them; with --state")
            parser.add_argument("--target", help="what they work on, such as source/clinvar")
            parser.add_argument("--run", dest="run_id", help="the run that they belong to")
            parser.add_argument("--dead", action="store_true", help="instead: messages that nobody could do, and why")
            parser.add_argument("--limit", type=int, default=20, help="the newest so many, up to 100 (20)")
        case "watch":
            talking(parser, _watch).add_argument("id", nargs="?", default="", help="a run or a job (everything)")
        case "log":
            talking(parser, _log).add_argument("id", help="a job")
            parser.add_argument("--attempt", type=positive, metavar="N", help="what one attempt said, by its number (all of them)")
            part = parser.add_mutually_exclusive_group()
            part.add_argument("--tail", type=positive, metavar="N", help="the last so many lines, up to 5000 (all of them)")
            part.add_argument("--search", metavar="TEXT", help="the lines that hold this text, in capitals or not")
        case "cancel":
            talking(parser, _cancel).add_argument("id", help="a run or a job")
        case "retry":
            talking(parser, _retry).add_argument("id", help="a job that failed, timed out, or was cancelled without its run")
            parser.add_argument("--detach", action="store_true", help="return at once, without following it")


async def _run(gateway: "Gateway", flags: Namespace) -> Exit:
    from leat.cli.apis import find

    return await start(gateway, flags, "runPipeline", build=(await find(gateway, flags.api))["buildName"], api=flags.api)


async def _jobs(gateway: "Gateway", flags: Namespace) -> Exit:
    given = {"state": flags.state, "outcome": flags.outcome, "queue": flags.queue, "target": flags.target, "runId": flags.run_id}
    chosen = {name: value for name, value in given.items() if value is not None}
    if flags.dead:
        return await _dead(gateway, flags, chosen)
    if chosen and set(chosen) not in FOUND_BY:
        raise Ended(
            Exit.USAGE, "jobs are found by --state alone, --queue with --state, --target alone or with --state, --run or --outcome"
        )
    jobs = (await gateway.execute(JOBS, {"filter": chosen or None, "first": flags.limit}))["jobs"]["nodes"]
    if flags.json:
        output.as_json(jobs)
        return Exit.DONE
    rows = [job | {"job": job["jobId"], "state": job["outcome"] or job["state"], "progress": _progress(job)} for job in jobs]
    output.table(rows, ("job", "step", "state", "failures", "progress", "createdAt"))
    return Exit.DONE


async def _dead(gateway: "Gateway", flags: Namespace, chosen: dict[str, str]) -> Exit:
    if chosen:
        raise Ended(Exit.USAGE, "--dead goes with --limit alone: dead letters belong to no job")
    letters = (await gateway.execute(DEAD, {"first": flags.limit}))["deadLetters"]["nodes"]
    if flags.json:
        output.as_json(letters)
        return Exit.DONE
    output.table([letter | {"body": _line(letter["body"])} for letter in letters], ("createdAt", "queue", "reason", "body"))
    return Exit.DONE


async def _log(gateway: "Gateway", flags: Namespace) -> Exit:
    asked = {"id": flags.id, "last": flags.tail, "attempt": flags.attempt, "search": flags.search}
    found, told, before = {"cursor": None, "more": True}, list[dict[str, Any]](), dict[str, Any]()
    while found["more"]:
        found = (await gateway.execute(LOG, asked | {"after": found["cursor"]}))["jobLog"]
        for line in found["lines"]:
            if flags.json:
                told.append(line)
            else:
                _tell_gap(before, line, flags.search)
                print(f"{line['at']}  {line['attempt']}  {line['level'].lower():7}  {line['text']}")
            before = line
    job = await _ended(gateway, flags.id)
    if flags.json:
        output.as_json(told)
    elif (
        job["outcome"] in ("FAILED", "TIMED_OUT") and job["error"] and not flags.search and flags.attempt in (None, job["attempt"])
    ):
        print(f"{job['error']['message']}\n{job['error']['detail']}".rstrip())
    if not before:
        output.note(_nothing(flags, job["attempt"]))
    return Exit.DONE


def _nothing(flags: Namespace, attempts: int) -> str:
    """Why there are no lines."""
    if flags.attempt and flags.attempt > attempts:
        from domain.wording import counted

        return f"there is no attempt {flags.attempt}: the job has had {counted(attempts, 'attempts')}"
    where = f" of attempt {flags.attempt}" if flags.attempt else ""
    return f"no line{where} holds {flags.search!r}" if flags.search else f"no line{where} was said"


def _tell_gap(before: dict[str, Any], line: dict[str, Any], search: str | None) -> None:
    """Say where lines were dropped between two that were asked for one behind the other."""
    if before and search is None and before["attempt"] == line["attempt"] and line["number"] > before["number"] + 1:
        output.note(f"{line['number'] - before['number'] - 1} lines were dropped here: LEAT_LOG_SIZE says how much is kept")


async def _ended(gateway: "Gateway", id: str) -> dict[str, Any]:
    """How the job ended. An id that is no job's is refused: it has no lines, as has a job that said nothing."""
    job: dict[str, Any] | None = (await gateway.execute(ENDED, {"id": id}))["job"]
    if job:
        return job
    if await read(gateway, id):
        raise Ended(Exit.REFUSED, f"{id!r} is a run: `leat jobs --run {id}` lists its jobs")
    raise Ended(Exit.REFUSED, f"there is no job {id!r}")


def _line(body: str) -> str:
    """The begin of a message on one line, with nothing in it that a terminal would obey."""
    shown = "".join(character if character.isprintable() else " " for character in body[: WIDTH + 1])
    return shown if len(shown) <= WIDTH else f"{shown[: WIDTH - 1]}…"


def _progress(job: dict[str, Any]) -> str:
    if wait := output.wait_of(job):
        return wait
    if job["handle"]:
        return f"{'stops' if job['isStopping'] else 'runs'} elsewhere as {job['handle']}"
    if job["error"] and job["outcome"] != "SUCCEEDED":
        return str(job["error"]["message"]).splitlines()[0]
    from domain.wording import counted

    progress = job["progress"]
    return counted(progress["done"], progress["unit"]) if progress["done"] else ""


async def _run_of(gateway: "Gateway", id: str) -> tuple[str, bool]:
    """(run, whether `id` is a run): of a run or a job."""
    if await read(gateway, id):
        return id, True
    job = (await gateway.execute(JOB, {"id": id}))["job"]
    if job is None:
        raise Ended(Exit.REFUSED, f"there is no run or job {id!r}")
    return str(job["runId"]), False


async def _watch(gateway: "Gateway", flags: Namespace) -> Exit:
    if flags.id:
        run, _ = await _run_of(gateway, flags.id)
        return await follow(gateway, run, json=flags.json)
    output.note("follows everything that happens in the hub; Ctrl-C lets go of it")
    async for batch in gateway.subscribe(HUB, "hubEvents", {}):
        if flags.json:
            output.as_json(batch)
            continue
        if batch["gap"]:
            output.note("some events were missed")
        for event in batch["events"]:
            told = {key: value for key, value in event["event"].items() if key not in QUIET and value not in ("", None)}
            print(event["at"], event["kind"], *(f"{key}={value}" for key, value in told.items()), flush=True)
    return Exit.DONE


async def _cancel(gateway: "Gateway", flags: Namespace) -> Exit:
    _, is_run = await _run_of(gateway, flags.id)
    if is_run:
        done = (await gateway.mutate("cancelRun", "run { runId title state }", runId=flags.id))["run"]
        return output.said(flags.json, done, f"cancelled {done['title']}")
    job = (await gateway.mutate("cancelJob", "job { jobId step type target state outcome }", jobId=flags.id))["job"]
    return output.said(flags.json, job, f"{job['step']}: {output.word_of(job['outcome'] or job['state'])}")


async def _retry(gateway: "Gateway", flags: Namespace) -> Exit:
    job = (await gateway.mutate("retryJob", "job { jobId runId step type target state }", jobId=flags.id))["job"]
    if flags.detach:
        return output.said(flags.json, job, f"queued {job['step']} again")
    return await follow(gateway, job["runId"], json=flags.json)
