"""The command line: finds the command, and imports no more than that one needs."""

import re
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from leat.cli.exits import Ended, Exit

COMMANDS = {
    "up": ("hub", "run the hub: gateway and all workers in one process"),
    "work": ("hub", "run workers of some queues alone, beside a hub"),
    "check": ("hub", "ask every part whether it answers, one line each"),
    "demo": ("hub", "bring two real sources to a searchable API, and ask it questions"),
    "backup": ("backups", "copy the whole hub into a folder, while it runs or not"),
    "restore": ("backups", "make a hub of a backup, where none is yet"),
    "source": ("sources", "data plugins: add, check, dump, upload, inspect, map"),
    "build": ("builds", "merge sources into one collection"),
    "api": ("apis", "publish a build as an API, and query it"),
    "release": ("releases", "index a build for its API, and roll back"),
    "schedule": ("schedules", "start dumps, builds and whole pipelines by the clock"),
    "run": ("jobs", "everything for an API, from its sources' files to a release"),
    "runs": ("runs", "what was set off, by whom, and how it ended"),
    "jobs": ("jobs", "the steps of runs: what was asked for, and how it stands"),
    "workers": ("workers", "the processes that take commands, with their memory and processor time"),
    "watch": ("jobs", "follow a run, a job, or everything"),
    "log": ("logs", "what a job, and its plugin, said"),
    "cancel": ("jobs", "cancel a run, a job, or all that works on a noun"),
    "retry": ("jobs", "try a job again that failed, timed out, or was cancelled without its run"),
    "schema": ("hub", "write schema.graphql and messages.json from the code"),
}
"""Name → (the module that defines it, what it does)."""
EXITS = """exit codes:
  0 done   1 the job failed   2 usage   3 refused   4 the hub can't be reached   5 token missing or wrong   6 a release is held
  130 detached by Ctrl-C
"""


class Parser(ArgumentParser):
    """Names what was probably meant where a command or a choice is misspelt; subcommands' parsers are of this class too. Each
    refuses what it does not know by itself, with its own usage."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse has it, but nothing is left over."""
        flags, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._meant(unknown)}")
        return flags, unknown

    def _meant(self, unknown: Sequence[str]) -> str:
        """The flag of this command that the first unknown one is like."""
        from difflib import get_close_matches

        flag = next((word.partition("=")[0] for word in unknown if word.startswith("--")), "")
        meant = get_close_matches(flag, self._option_string_actions, 1)
        return f"; did you mean {meant[0]}?" if meant else ""

    def error(self, message: str) -> NoReturn:
        """As argparse has it."""
        if message.endswith("required: COMMAND"):
            self.print_help(sys.stderr)
            raise SystemExit(2)
        wrong = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if wrong:
            from difflib import get_close_matches

            meant = get_close_matches(wrong[1], re.findall(r"[\w-]+", wrong[2]), 1)
            message += f"; did you mean {meant[0]!r}?" if meant else ""
        super().error(message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit code."""
    given = _command_first(list(sys.argv[1:] if arguments is None else arguments))
    try:
        flags = _parser(given).parse_args(given)
        return int(flags.run(flags))
    except Ended as ended:
        if ended.message:
            print(f"leat: {ended.message}", file=sys.stderr)
        return ended.exit
    except KeyboardInterrupt:
        return Exit.DETACHED
    except BrokenPipeError:  # the reader of our output went away: nothing to tell it
        sys.stderr.close()
        return Exit.DONE


def _command_first(given: list[str]) -> list[str]:
    """Options that stand before the command, behind it: `leat --token T jobs` is `leat jobs --token T`."""
    options: list[str] = []
    while given and given[0].startswith("-") and given[0] not in ("--help", "-h"):
        option = given.pop(0)
        options.append(option)
        if "=" not in option and given and given[0] not in COMMANDS and not given[0].startswith("-"):
            options.append(given.pop(0))
    return [*given, *options]


def _parser(given: Sequence[str]) -> Parser:
    command = next((word for word in given if word in COMMANDS), "")
    parser = Parser(
        prog="leat", description="Leads files to live, searchable APIs.", epilog=EXITS, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=_version() if "--version" in given else "", help="print the version")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (module, description) in COMMANDS.items():
        chosen = commands.add_parser(name, help=description, description=f"{description[0].upper()}{description[1:]}.")
        if name == command:
            chosen.set_defaults(command=name, given=given)
            import_module(f"leat.cli.{module}").define(chosen)
    return parser


def _version() -> str:
    """`leat` and the version that is installed."""
    from importlib.metadata import version

    return f"leat {version('leat')}"
