"""`leat schedule`: runs that start by the clock."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from leat.cli import output
from leat.cli.exits import Ended, Exit
from leat.cli.session import Work, command, editing, removing, subcommands

if TYPE_CHECKING:
    from leat.cli.client import Gateway

FIELDS = "name cron timezone jitter source build api paused nextAt lastFiredAt failure lastRun { runId state }"
LIST = (
    f"query Schedules($after: String) {{ schedules(first: 100, after: $after) {{ nodes {{ {FIELDS} }} "
    "pageInfo { hasNextPage endCursor } } }"
)


def define(parser: ArgumentParser) -> None:
    """Add the commands."""
    commands = subcommands(parser)
    add = command(commands, "add", "start runs by the clock", _add)
    add.add_argument("name", help="its name")
    add.add_argument("cron", help="minute hour day month weekday [second], in quotes: '30 2 * * *'")
    what = add.add_mutually_exclusive_group(required=True)
    what.add_argument("--source", help="dump this source, with all that follows")
    what.add_argument("--build", help="make this build, with its automatic releases")
    what.add_argument("--api", help="do everything for this API: its sources, its build, a release")
    _when(add)
    add.add_argument("--paused", action="store_true", help="let it wait to be resumed")
    command(commands, "list", "schedules, oldest first", _list)
    edit = editing(command(commands, "edit", "change when a schedule fires; what is left out stays", _edit))
    edit.add_argument("name", help="the schedule")
    edit.add_argument("--cron", help="minute hour day month weekday [second]")
    _when(edit)
    for name, help, work in (
        ("pause", "let it fire no more until it is resumed", _paused(True, "is paused")),
        ("resume", "let it fire again; times that passed meanwhile never do", _paused(False, "fires again")),
    ):
        command(commands, name, help, work).add_argument("name", help="the schedule")
    removing(commands, "remove a schedule; what it started goes on", "removeSchedule").add_argument("name", help="the schedule")


def _when(parser: ArgumentParser) -> None:
    parser.add_argument("--timezone", help="that the expression is in, such as Europe/Berlin (UTC)")
    parser.add_argument("--jitter", type=float, metavar="SECONDS", help="put each fire off by up to so many seconds (0)")


async def _add(gateway: "Gateway", flags: Namespace) -> Exit:
    build = flags.build
    if flags.api:
        from leat.cli.apis import find

        build = (await find(gateway, flags.api))["buildName"]
    when = {"cron": flags.cron, "timezone": flags.timezone, "jitter": flags.jitter, "paused": flags.paused}
    what = {"source": flags.source, "build": build, "api": flags.api}
    done = await gateway.mutate("addSchedule", f"schedule {{ {FIELDS} }}", name=flags.name, **when, **what)
    return _said(flags, done["schedule"], "added")


async def _edit(gateway: "Gateway", flags: Namespace) -> Exit:
    return await _change(gateway, flags, "edited", cron=flags.cron, timezone=flags.timezone, jitter=flags.jitter)


def _paused(paused: bool, word: str) -> Work:
    async def work(gateway: "Gateway", flags: Namespace) -> Exit:
        return await _change(gateway, flags, word, paused=paused)

    return work


async def _change(gateway: "Gateway", flags: Namespace, word: str, **values: Any) -> Exit:
    done = await gateway.mutate("editSchedule", f"schedule {{ {FIELDS} }}", name=flags.name, **values)
    return _said(flags, done["schedule"], word)


def _said(flags: Namespace, schedule: dict[str, Any], word: str) -> Exit:
    coming = f"; next at {schedule['nextAt']}" if schedule["nextAt"] else ""
    return output.said(flags.json, schedule, f"{flags.name}: {word}{coming}")


async def _list(gateway: "Gateway", flags: Namespace) -> Exit:
    schedules = await gateway.every(LIST, "schedules")
    if flags.json:
        output.as_json(schedules)
        return Exit.DONE
    rows = [each | {"what": _what(each), "next": each["nextAt"] or "paused", "last": each["lastFiredAt"]} for each in schedules]
    output.table(rows, ("name", "cron", "timezone", "what", "next", "last", "failure"))
    return Exit.DONE


def _what(schedule: dict[str, Any]) -> str:
    for kind in ("source", "api", "build"):
        if schedule[kind]:
            return f"{kind} {schedule[kind]}"
    raise Ended(Exit.UNREACHABLE, f"the schedule {schedule['name']!r} has no target")
