"""`leat release`: a build's output, indexed for its API, and the way back."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from leat.cli import output
from leat.cli.apis import find
from leat.cli.exits import Ended, Exit
from leat.cli.live import start
from leat.cli.session import command, starting, subcommands

if TYPE_CHECKING:
    from leat.cli.client import Gateway


def define(parser: ArgumentParser) -> None:
    """Add the commands."""
    commands = subcommands(parser)
    create = starting(command(commands, "create", "index the build's newest output beside what is served, and switch", _create))
    create.add_argument("api", help="the API")
    command(commands, "list", "the releases that are kept, newest first", _list).add_argument("api", help="the API")
    rollback = command(commands, "rollback", "serve another release that is kept", _rollback)
    rollback.add_argument("api", help="the API")
    rollback.add_argument("release", nargs="?", default="", help="its output, as `list` shows it (the one before the served one)")


async def _create(gateway: "Gateway", flags: Namespace) -> Exit:
    return await start(gateway, flags, "createRelease", api=flags.api)


async def _list(gateway: "Gateway", flags: Namespace) -> Exit:
    releases = (await find(gateway, flags.api))["releases"]
    if flags.json:
        output.as_json(releases)
    else:
        output.table(releases, ("version", "count", "at", "served", "output"))
    return Exit.DONE


async def _rollback(gateway: "Gateway", flags: Namespace) -> Exit:
    release = flags.release or await _before(gateway, flags.api)
    done = await gateway.mutate("switchRelease", "release { output version count served }", api=flags.api, release=release)
    told = f"{flags.api} serves {done['release']['version']} ({release}) until a newer build is released"
    return output.said(flags.json, done["release"], told)


async def _before(gateway: "Gateway", api: str) -> str:
    releases = (await find(gateway, api))["releases"]
    served = next((index for index, release in enumerate(releases) if release["served"]), len(releases))
    if served + 1 >= len(releases):
        raise Ended(Exit.REFUSED, f"{api} keeps no release before the one that it serves")
    return str(releases[served + 1]["output"])
