"""`leat up | work | check | demo | schema`: the commands that are, or look at, a hub."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leat.cli.exits import Ended, Exit

if TYPE_CHECKING:
    from leat.settings import Settings


def define(name: str, parser: ArgumentParser) -> None:
    """Add the arguments of one of these commands."""
    match name:
        case "up":
            _settings_flags(parser)
            parser.add_argument("--concurrency", type=int, default=2, metavar="N", help="jobs of each queue at a time (2)")
            parser.set_defaults(run=_up)
        case "work":
            parser.add_argument("queues", nargs="+", metavar="QUEUE", help="dump, upload, build or index")
            _settings_flags(parser)
            parser.add_argument("--concurrency", type=int, default=2, metavar="N", help="jobs of each queue at a time (2)")
            parser.set_defaults(run=_work)
        case "check":
            _settings_flags(parser)
            parser.add_argument("--json", action="store_true", help="print JSON for scripts")
            parser.set_defaults(run=_check)
        case "demo":
            _settings_flags(parser)
            parser.add_argument("--once", action="store_true", help="end by itself instead of serving on")
            parser.set_defaults(run=_demo)
        case "schema":
            parser.add_argument("--folder", type=Path, default=Path(), help="where to write (.)")
            parser.add_argument("--check", action="store_true", help="write nothing; fail where a file is stale")
            parser.set_defaults(run=_schema)


def _settings_flags(parser: ArgumentParser) -> None:
    from leat.settings import Settings

    group = parser.add_argument_group("settings (each is an environment variable too)")
    for name, field in Settings.model_fields.items():
        default = "" if name == "token" else f" [{field.default}]"
        text = f"{field.description} (LEAT_{name.upper()}){default}".replace("%", "%%")
        group.add_argument(f"--{name.replace('_', '-')}", dest=f"setting_{name}", metavar="VALUE", help=text)


def settings(flags: Namespace) -> "Settings":
    """What flags and environment say; raises Ended naming what is wrong."""
    from leat.settings import SettingsInvalid, load

    prefix = "setting_"
    given: dict[str, Any] = {
        name.removeprefix(prefix): value for name, value in vars(flags).items() if name.startswith(prefix) and value is not None
    }
    try:
        return load(**given)
    except SettingsInvalid as error:
        raise Ended(Exit.USAGE, error.message) from error


def _up(flags: Namespace) -> Exit:
    from leat.cli.up import up

    return _hub(up(settings(flags), flags.concurrency))


def _work(flags: Namespace) -> Exit:
    from leat.cli.up import work

    return _hub(work(settings(flags), flags.queues, flags.concurrency))


def _demo(flags: Namespace) -> Exit:
    from leat.cli.demo import demo

    return _hub(demo(settings(flags), once=flags.once))


def _check(flags: Namespace) -> Exit:
    from leat.cli.address import gateway_of
    from leat.cli.check import check_hub

    chosen = settings(flags)
    return _hub(check_hub(chosen, gateway_of(chosen.data, chosen.url), json=flags.json))


def _hub(work: Any) -> Exit:
    """Run it; what it was refused becomes a word to the user."""
    import asyncio

    from domain.errors import LeatError, Unavailable
    from events.bus import BusError

    try:
        return Exit(asyncio.run(work) or Exit.DONE)
    except (Unavailable, BusError) as error:
        raise Ended(Exit.UNREACHABLE, str(error)) from error
    except LeatError as error:
        raise Ended(Exit.REFUSED, error.message) from error


def _schema(flags: Namespace) -> Exit:
    from leat.cli.schema import run

    return run(flags)
