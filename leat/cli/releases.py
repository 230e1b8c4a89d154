"""`leat release`: a build's output, indexed for its API, and the way back."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from leat.cli import output
from leat.cli.apis import find, table
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
    rollback.add_argument(
        "release", nargs="?", default="", help="its name or output, as `list` shows them (the one before the served one)"
    )
    accept = command(commands, "accept", "serve a release that is held, although the gates say what is wrong with it", _accept)
    accept.add_argument("api", help="the API")
    accept.add_argument("release", nargs="?", default="", help="its name or output (the one that is held)")


async def _create(gateway: "Gateway", flags: Namespace) -> Exit:
    return await start(gateway, flags, "createRelease", api=flags.api)


async def _list(gateway: "Gateway", flags: Namespace) -> Exit:
    api = await find(gateway, flags.api)
    if flags.json:
        output.as_json(api["releases"])
    else:
        table(api)
    return Exit.DONE


async def _rollback(gateway: "Gateway", flags: Namespace) -> Exit:
    release = flags.release or await _before(gateway, flags.api)
    fields = "writer release { output name version count served }"
    done = await gateway.mutate("switchRelease", fields, api=flags.api, release=release)
    told = f"{flags.api} serves {done['release']['name']} ({done['release']['output']}) until a newer build is released"
    if done["writer"]:
        job = done["writer"].rpartition(".")[0]
        output.note(f"a release is being made, which is served when it is done; to prevent that: leat cancel {job}")
    return output.said(flags.json, done["release"], told)


async def _accept(gateway: "Gateway", flags: Namespace) -> Exit:
    fields = "release { output name version count served acceptedBy acceptedAt acceptedDespite }"
    done = (await gateway.mutate("acceptRelease", fields, api=flags.api, release=flags.release))["release"]
    return output.said(flags.json, done, f"{flags.api} serves {done['name']} ({done['output']}), accepted by {done['acceptedBy']}")


async def _before(gateway: "Gateway", api: str) -> str:
    releases = [release for release in (await find(gateway, api))["releases"] if not release["held"]]
    served = next((index for index, release in enumerate(releases) if release["served"]), len(releases))
    if served + 1 >= len(releases):
        raise Ended(Exit.REFUSED, f"{api} keeps no release before the one that it serves")
    return str(releases[served + 1]["output"])
