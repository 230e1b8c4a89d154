"""From flags to an open gateway: what every command that talks to the hub shares."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from leat.cli.exits import Exit

if TYPE_CHECKING:
    from leat.cli.client import Gateway

Work = Callable[["Gateway", Namespace], Awaitable[Exit]]

SHARED = frozenset(("command", "data", "given", "json", "name", "refuse", "run", "token", "url"))
"""What every edit has among its flags, beside what it may change."""


class Commands(Protocol):
    """Where a noun's commands are added."""

    def add_parser(self, name: str, *, help: str = ..., description: str = ...) -> ArgumentParser:
        """As argparse has it."""


def subcommands(parser: ArgumentParser) -> Commands:
    """Where a noun's commands are added."""
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True)


def command(commands: Commands, name: str, help: str, work: Work) -> ArgumentParser:
    """A command that talks to the hub."""
    parser = commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.")
    return talking(parser, work)


def talking(parser: ArgumentParser, work: Work) -> ArgumentParser:
    """Add what finds the hub, and do `work` with it."""
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")
    parser.add_argument("--url", default="", help="the gateway (LEAT_URL; else the one on the data folder)")
    parser.add_argument("--token", default="", help="the administrator's token (LEAT_TOKEN; else the data folder's)")
    parser.add_argument("--data", default="", help="the data folder (LEAT_DATA; else .leat)")
    parser.set_defaults(run=lambda flags: _talk(work, flags), refuse=parser.error)  # a wrong flag shows this command's usage
    return parser


def editing(parser: ArgumentParser) -> ArgumentParser:
    """Refuse an edit that names nothing to change: its usage says what may be."""
    work = parser.get_default("run")

    def edit(flags: Namespace) -> Exit:
        if all(value is None for name, value in vars(flags).items() if name not in SHARED):
            parser.error("nothing to change: name at least one of the options that say what changes")
        done: Exit = work(flags)
        return done

    parser.set_defaults(run=edit)
    return parser


def starting(parser: ArgumentParser, *, force: bool = True) -> ArgumentParser:
    """Add what commands that start jobs share; without `force` where what is asked for is always done."""
    parser.set_defaults(force=False)
    if force:
        parser.add_argument("--force", action="store_true", help="do it even where nothing changed")
    parser.add_argument("--detach", action="store_true", help="return once it is asked for, without following it")
    parser.add_argument("--key", default="", metavar="TEXT", help="idempotency key: asked twice with the same one, it is done once")
    return parser


def paged(parser: ArgumentParser) -> None:
    """Add how much of a long list is wanted."""
    parser.add_argument("--limit", type=positive, default=20, metavar="N", help="the newest so many (20)")
    parser.add_argument("--after", default=None, metavar="CURSOR", help="those behind, as the end of a list names it")


def removing(commands: Commands, help: str, mutation: str) -> ArgumentParser:
    """Add `remove` of a noun, which says what goes with it; with `--dry-run` it does nothing else."""

    async def work(gateway: "Gateway", flags: Namespace) -> Exit:
        from leat.cli import output

        done = await gateway.mutate(mutation, "name removed", name=flags.name, dryRun=flags.dry_run or None)
        told = f"{'would remove' if flags.dry_run else 'removed'} {flags.name}"
        return output.said(flags.json, done, f"{told} with {', '.join(done['removed'])}" if done["removed"] else told)

    parser = command(commands, "remove", help, work)
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed, or why it would be refused")
    return parser


def positive(text: str) -> int:
    """A number from 1 on, as a type of arguments."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _talk(work: Work, flags: Namespace) -> Exit:
    import asyncio

    from leat.cli import address, client

    async def talk() -> Exit:
        async with client.connected(address.find(flags)) as gateway:
            return await work(gateway, flags)

    return asyncio.run(talk())
