"""`leat runs`: what was set off, by whom, and how it ended."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from leat.cli import output
from leat.cli.exits import Ended, Exit
from leat.cli.session import paged, talking

if TYPE_CHECKING:
    from leat.cli.client import Gateway

FIELDS = """nodes { runId title state askedBy createdAt finishedAt steps { name job { state outcome } } }
  pageInfo { hasNextPage endCursor }"""
RUNS = f"query Runs($first: Int!, $after: String) {{ runs(first: $first, after: $after) {{ {FIELDS} }} }}"
SCHEDULE = "query Schedule($name: String!) { schedule(name: $name) { name } }"
OF_SCHEDULE = f"""query Runs($name: String!, $first: Int!, $after: String) {{
  schedule(name: $name) {{ runs(first: $first, after: $after) {{ {FIELDS} }} }} }}"""
STATES = ("RUNNING", "SUCCEEDED", "HELD", "FAILED", "CANCELED")


def define(parser: ArgumentParser) -> None:
    """Add the arguments."""
    talking(parser, _runs)
    parser.add_argument("--state", type=str.upper, choices=STATES, help="how they stand")
    parser.add_argument("--schedule", metavar="NAME", help="those that a schedule started")
    paged(parser)


async def _runs(gateway: "Gateway", flags: Namespace) -> Exit:
    runs, more = await _found(gateway, flags)
    if flags.json:
        output.as_json(runs)
    else:
        rows = [run | {"run": run["runId"], "state": output.word_of(run["state"]), "steps": _steps(run)} for run in runs]
        output.table(rows, ("run", "title", "state", "steps", "askedBy", "createdAt"))
    output.tell_more(more)
    return Exit.DONE


async def _found(gateway: "Gateway", flags: Namespace) -> tuple[list[dict[str, Any]], str | None]:
    """Pages are read until enough runs stand so, or there are no more."""
    if flags.schedule and (await gateway.execute(SCHEDULE, {"name": flags.schedule}))["schedule"] is None:
        raise Ended(Exit.REFUSED, f"there is no schedule {flags.schedule!r}")
    path = ("schedule", "runs") if flags.schedule else ("runs",)
    document, variables = (OF_SCHEDULE, {"name": flags.schedule}) if flags.schedule else (RUNS, {})
    return await gateway.some(
        document, path, flags.limit, flags.after, lambda run: flags.state in (None, run["state"]), **variables
    )


def _steps(run: dict[str, Any]) -> str:
    """`2 of 5 done`, or which one failed."""
    failed = [step["name"] for step in run["steps"] if step["job"] and step["job"]["outcome"] in ("FAILED", "TIMED_OUT")]
    done = sum(bool(step["job"]) and step["job"]["outcome"] == "SUCCEEDED" for step in run["steps"])
    return ", ".join(failed) or f"{done} of {len(run['steps'])} done"
