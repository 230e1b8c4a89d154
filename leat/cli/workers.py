"""`leat workers`: the processes that take commands, with what they and their children take of their machines, and whether they run
plugins in a sandbox."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from leat.cli import output
from leat.cli.exits import Exit
from leat.cli.session import talking

if TYPE_CHECKING:
    from leat.cli.client import Gateway

WORKERS = """{ workers { process host pid queues { name slots } running stopping startedAt seenAt memory cpuSeconds loopLag sandbox
  children { pid name memory cpuSeconds } } }"""


def define(parser: ArgumentParser) -> None:
    """Add the arguments."""
    talking(parser, _work)


async def _work(gateway: "Gateway", flags: Namespace) -> Exit:
    workers = (await gateway.execute(WORKERS))["workers"]
    if flags.json:
        output.as_json(workers)
        return Exit.DONE
    rows: list[dict[str, Any]] = []
    for worker in workers:
        queues = [f"{queue['name']} {queue['slots']}" for queue in worker["queues"]]
        told = {
            "queues": queues,
            "jobs": len(worker["running"]),
            "sandbox": "yes" if worker["sandbox"] else "no",
            "late ms": round(worker["loopLag"] * 1000),
        }
        rows.append(_row(worker["process"], worker) | told)
        rows += [_row(f"  {child['name']} {child['pid']}", child) | dict.fromkeys(told, "") for child in worker["children"]]
    output.table(rows, ("process", "queues", "jobs", "sandbox", "MiB", "seconds", "late ms"))
    return Exit.DONE


def _row(name: str, consumed: dict[str, Any]) -> dict[str, Any]:
    return {"process": name, "MiB": round(consumed["memory"] / 2**20), "seconds": round(consumed["cpuSeconds"])}
