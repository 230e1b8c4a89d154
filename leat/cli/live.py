"""A run as it happens: bars on a terminal, lines elsewhere, NDJSON for scripts. Ctrl-C lets go of it; it goes on."""

import sys
import uuid
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from leat.cli import output
from leat.cli.exits import Exit

if TYPE_CHECKING:
    from leat.cli.client import Gateway

STEPS = """runId title state steps { name jobId job {
  jobId queue state outcome attempt failures losses notBefore waitingFor held progress { done total unit message }
  error { code message detail } warnings warningCount result } }"""
RUN = f"query Run($id: ID!) {{ run(id: $id) {{ {STEPS} }} }}"
WORKERS = "{ workers { stopping queues { name } } }"
FOLLOW = (
    f"subscription Follow($id: ID!, $after: String) {{ runEvents(runId: $id, after: $after) {{ run {{ {STEPS} }} "
    "events { jobId step event { __typename seq at attempt } } cursor gap } }"
)


async def start(gateway: "Gateway", flags: Namespace, mutation: str, **values: Any) -> Exit:
    """Ask for something, and follow what it sets off unless told not to."""
    values = {**values, "force": flags.force or None, "idempotencyKey": flags.key or str(uuid.uuid4())}
    done = await gateway.mutate(mutation, "replayed job { jobId runId step type target state }", **values)
    if flags.detach:
        output.as_json(done["job"] | {"replayed": done["replayed"]}) if flags.json else print(done["job"]["runId"])
        return Exit.DONE
    return await follow(gateway, done["job"]["runId"], json=flags.json)


async def read(gateway: "Gateway", id: str) -> dict[str, Any] | None:
    """The run as it stands."""
    found: dict[str, Any] | None = (await gateway.execute(RUN, {"id": id}))["run"]
    return found


async def follow(gateway: "Gateway", id: str, json: bool = False) -> Exit:
    """Follow a run to its end; the exit code says how it ended."""
    from asyncio import CancelledError

    from leat.cli import findings
    from leat.cli.bars import show

    ended: dict[str, Any] = {}
    looked_at: set[str] = set()
    try:
        with show(None if json else sys.stderr) as screen:
            async for batch in gateway.subscribe(FOLLOW, "runEvents", {"id": id}):
                ended = batch["run"]
                screen.update(ended)
                await _warn_untaken(gateway, ended, looked_at)
                if json:
                    output.as_json(batch)
    except CancelledError:
        output.note(f"let go of run {id}: it goes on; `leat watch {id}` follows it again, `leat cancel {id}` ends it")
        raise
    if not json:
        await findings.tell(gateway, ended)
    unfit = any(findings.problems((step["job"] or {}).get("result") or {}) for step in ended.get("steps", ()))
    exit = report(ended, told=not json, unfit=unfit)
    return Exit.FAILED if unfit else exit


async def _warn_untaken(gateway: "Gateway", run: dict[str, Any], looked_at: set[str]) -> None:
    """Say once of each queue in which a job of the run waits that no worker takes from it."""
    waiting = {step["job"]["queue"] for step in run["steps"] if step["job"] and step["job"]["state"] == "QUEUED"} - looked_at
    if not waiting:
        return
    looked_at |= waiting
    workers = (await gateway.execute(WORKERS))["workers"]
    taken = {queue["name"] for worker in workers if not worker["stopping"] for queue in worker["queues"]}
    for queue in sorted(waiting - taken):
        output.note(f"no worker takes from the queue {queue}: `leat work {queue}` starts one")


def report(run: dict[str, Any], told: bool = True, unfit: bool = False) -> Exit:
    """Say how it ended: why steps failed, with a plugin's traceback. `unfit`: documents do not fit a mapping that was tried."""
    for step in run.get("steps", ()) if told else ():
        error = (step["job"] or {}).get("error")
        if error and step["job"]["outcome"] != "SUCCEEDED":
            output.note(f"{step['name']}: {error['message']}")
            if error["detail"]:
                output.note(error["detail"].rstrip())
    state = run.get("state", "gone")
    if told:
        output.note(f"{run.get('title', 'run')}: {'the mapping does not fit' if unfit else output.word_of(state)}")
    return {"SUCCEEDED": Exit.DONE, "HELD": Exit.HELD}.get(state, Exit.FAILED)
