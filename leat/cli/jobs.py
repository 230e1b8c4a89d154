"""`leat run | jobs | watch | cancel | retry`: what is asked for, and what becomes of it."""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING, Any

from leat.cli import output
from leat.cli.exits import Ended, Exit
from leat.cli.live import follow, read, start
from leat.cli.made import made
from leat.cli.session import paged, starting, talking

if TYPE_CHECKING:
    from leat.cli.client import Gateway

JOBS = """query Jobs($filter: JobFilter, $first: Int!, $after: String) { jobs(filter: $filter, first: $first, after: $after) {
  nodes {
  id jobId runId step type target state outcome attempt failures worker createdAt startedAt finishedAt notBefore waitingFor held
  handle isStopping progress { done total unit message }
  error { code message detail } result } pageInfo { hasNextPage endCursor } } }"""
DEAD = """query Dead($first: Int!, $after: String) { deadLetters(first: $first, after: $after) {
  nodes { id queue reason body createdAt } pageInfo { hasNextPage endCursor } } }"""
WORKING = """query Working($filter: JobFilter, $after: String) { jobs(filter: $filter, first: 100, after: $after) {
  nodes { jobId } pageInfo { hasNextPage endCursor } } }"""
JOB = "query Job($id: ID!) { job(id: $id) { jobId runId } }"
FOUND_BY = ({"state"}, {"queue", "state"}, {"target"}, {"target", "state"}, {"runId"}, {"outcome"})
"""What jobs are found by: the flags that go together."""
NOUN = re.compile("(source|build|api)[/:](.+)")
"""What jobs work on."""
TARGET = re.compile("([^/:]+)[/:](.+)")
"""The same of any noun, for lists."""
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
            parser.add_argument(
                "--state", type=str.upper, choices=("QUEUED", "RUNNING", "CANCELING", "FINISHED"), help="where they stand"
            )
            parser.add_argument(
                "--outcome", type=str.upper, choices=("SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELED"), help="how they ended"
            )
            parser.add_argument("--queue", help="the queue that takes them; with --state")
            parser.add_argument("--target", type=_target, help="what they work on, such as source/clinvar")
            parser.add_argument("--run", dest="run_id", help="the run that they belong to")
            parser.add_argument("--dead", action="store_true", help="instead: messages that nobody could do, and why")
            paged(parser)
        case "watch":
            talking(parser, _watch).add_argument("id", nargs="?", default="", help="a run or a job (everything)")
        case "cancel":
            talking(parser, _cancel).add_argument("id", help="a run, a job, or all that works on a noun, such as source/clinvar")
        case "retry":
            talking(parser, _retry).add_argument("id", help="a job that failed, timed out, or was cancelled without its run")
            parser.add_argument("--detach", action="store_true", help="return at once, without following it")


def _target(text: str) -> str:
    """What jobs work on, as records have it: `source/clinvar`, also of `source:clinvar`."""
    if noun := TARGET.fullmatch(text):
        return f"{noun[1]}/{noun[2]}"
    raise ArgumentTypeError(f"{text!r} is no source/NAME, build/NAME or api/NAME")


async def _run(gateway: "Gateway", flags: Namespace) -> Exit:
    from leat.cli.apis import find

    return await start(gateway, flags, "runPipeline", build=(await find(gateway, flags.api))["buildName"], api=flags.api)


async def _jobs(gateway: "Gateway", flags: Namespace) -> Exit:
    given = {"state": flags.state, "outcome": flags.outcome, "queue": flags.queue, "target": flags.target, "runId": flags.run_id}
    chosen = {name: value for name, value in given.items() if value is not None}
    if flags.dead:
        return await _dead(gateway, flags, chosen)
    if chosen and set(chosen) not in FOUND_BY:
        flags.refuse("jobs are found by --state alone, --queue with --state, --target alone or with --state, --run or --outcome")
    jobs, more = await gateway.some(JOBS, ("jobs",), flags.limit, flags.after, filter=chosen or None)
    if flags.json:
        output.as_json(jobs)
    else:
        rows = [job | {"job": job["jobId"], "state": job["outcome"] or job["state"], "progress": _progress(job)} for job in jobs]
        output.table(rows, ("job", "step", "state", "progress", "createdAt"))
    output.tell_more(more)
    return Exit.DONE


async def _dead(gateway: "Gateway", flags: Namespace, chosen: dict[str, str]) -> Exit:
    if chosen:
        flags.refuse("--dead goes with --limit and --after alone: dead letters belong to no job")
    letters, more = await gateway.some(DEAD, ("deadLetters",), flags.limit, flags.after)
    if flags.json:
        output.as_json(letters)
    else:
        output.table([letter | {"body": _line(letter["body"])} for letter in letters], ("createdAt", "queue", "reason", "body"))
    output.tell_more(more)
    return Exit.DONE


def _line(body: str) -> str:
    """The begin of a message on one line, with nothing in it that a terminal would obey."""
    shown = "".join(character if character.isprintable() else " " for character in body[: WIDTH + 1])
    return shown if len(shown) <= WIDTH else f"{shown[: WIDTH - 1]}…"


def _progress(job: dict[str, Any]) -> str:
    """What a job waits for, why it failed, what it made, or how far it is."""
    from domain.wording import counted

    if wait := output.wait_of(job):
        return f"after {counted(job['failures'], 'failures')}, {wait}" if job["failures"] else wait
    if job["handle"]:
        return f"{'stops' if job['isStopping'] else 'runs'} elsewhere as {job['handle']}"
    if job["error"] and job["outcome"] != "SUCCEEDED":
        return str(job["error"]["message"]).splitlines()[0]
    if job["outcome"] == "SUCCEEDED":
        return made(job["result"] or {})
    progress = job["progress"]
    done = f"{progress['done']:,} of " if progress["total"] else ""
    return done + counted(progress["total"] or progress["done"], progress["unit"]) if progress["done"] else ""


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
    if NOUN.fullmatch(flags.id):
        return await _cancel_all(gateway, flags, _target(flags.id))
    _, is_run = await _run_of(gateway, flags.id)
    if is_run:
        done = (await gateway.mutate("cancelRun", "run { runId title state }", runId=flags.id))["run"]
        return output.said(flags.json, done, f"cancelled {done['title']}")
    job = await _cancel_job(gateway, flags.id)
    return output.said(flags.json, job, _cancelled(job))


async def _cancel_all(gateway: "Gateway", flags: Namespace, target: str) -> Exit:
    """Cancel what works on a noun, or waits to. It is looked for again until nothing new is found: a step may have ended, and the
    next one begun, in between."""
    await _check_noun(gateway, target)
    done: dict[str, dict[str, Any]] = {}
    found = [""]
    while found:
        found = [id for state in ("QUEUED", "RUNNING") for id in await _working(gateway, target, state) if id not in done]
        for id in found:
            try:
                done[id] = await _cancel_job(gateway, id)
            except Ended as ended:
                if ended.code != "CONFLICT":  # it has finished meanwhile
                    raise
    told = "\n".join(map(_cancelled, done.values())) or f"nothing works on {target}, or waits to"
    return output.said(flags.json, [*done.values()], told)


async def _check_noun(gateway: "Gateway", target: str) -> None:
    kind, _, name = target.partition("/")
    if (await gateway.execute(f"query Noun($name: String!) {{ {kind}(name: $name) {{ name }} }}", {"name": name}))[kind] is None:
        raise Ended(Exit.REFUSED, f"there is no {'API' if kind == 'api' else kind} {name!r}")


async def _working(gateway: "Gateway", target: str, state: str) -> list[str]:
    nodes = await gateway.every(WORKING, "jobs", filter={"target": target, "state": state})
    return [node["jobId"] for node in nodes]


async def _cancel_job(gateway: "Gateway", id: str) -> dict[str, Any]:
    job: dict[str, Any] = (await gateway.mutate("cancelJob", "job { jobId step type target state outcome }", jobId=id))["job"]
    return job


def _cancelled(job: dict[str, Any]) -> str:
    return f"{job['step']}: {output.word_of(job['outcome'] or job['state'])}"


async def _retry(gateway: "Gateway", flags: Namespace) -> Exit:
    job = (await gateway.mutate("retryJob", "job { jobId runId step type target state }", jobId=flags.id))["job"]
    if flags.detach:
        return output.said(flags.json, job, f"queued {job['step']} again")
    return await follow(gateway, job["runId"], json=flags.json)
