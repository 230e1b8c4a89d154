"""`leat up | work | check | demo | schema`: the commands that are, or look at, a hub."""

import os
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leat.cli.exits import Ended, Exit
from leat.cli.session import positive
from leat.processors import half_the_processors

if TYPE_CHECKING:
    from leat.settings import Settings


def define(parser: ArgumentParser) -> None:
    """Add the arguments of one of these commands. What a container's health check asks all the time must not import what settings
    need."""
    match parser.get_default("command"):
        case "up":
            settings_flags(parser)
            _concurrency(parser)
            parser.add_argument(
                "--no-workers", dest="workers", action="store_false", help="the gateway alone, beside `leat work` processes"
            )
            parser.set_defaults(run=_up)
        case "work":
            parser.add_argument("queues", nargs="+", metavar="QUEUE", help="dump, upload, build or index")
            settings_flags(parser)
            _concurrency(parser)
            _define_scale(parser)
            parser.set_defaults(run=_work)
        case "check" if "--quiet" in parser.get_default("given"):
            parser.add_argument("--quiet", action="store_true")
            parser.add_argument("--data", default="")
            parser.set_defaults(run=_check_pulse)
        case "check":
            settings_flags(parser, but="quiet")
            parser.add_argument("--json", action="store_true", help="print JSON for scripts")
            parser.add_argument(
                "--quiet", action="store_true", help="only whether the process of the data folder lives: exit code 0 or 1, cheap"
            )
            parser.set_defaults(run=_check)
        case "demo":
            settings_flags(parser)
            parser.add_argument("--once", action="store_true", help="end by itself instead of serving on")
            parser.set_defaults(run=_demo)
        case "schema":
            parser.add_argument("--folder", type=Path, default=Path(), help="where to write (.)")
            parser.add_argument("--check", action="store_true", help="write nothing; fail where a file is stale")
            parser.set_defaults(run=_schema)


def _concurrency(parser: ArgumentParser) -> None:
    help = "jobs of each queue at a time (half of the processors that it may use, at least one)"
    parser.add_argument("--concurrency", type=positive, default=half_the_processors(), metavar="N", help=help)


def _define_scale(parser: ArgumentParser) -> None:
    scale = parser.add_argument_group("scaling: processes on this machine, as many as the backlog wants")
    scale.add_argument("--max", type=positive, metavar="N", help="at most so many; each does --concurrency jobs")
    scale.add_argument("--min", type=int, default=1, metavar="N", help="at least so many, 0 among them (1)")
    scale.add_argument(
        "--cool-down", type=float, default=60.0, metavar="SECONDS", help="less is wanted for so long before one stops (60)"
    )
    parser.add_argument("--until-eof", action="store_true", help="stop in order when standard input, a pipe, ends too")
    parser.add_argument("--member", action="store_true", help=SUPPRESS)


def settings_flags(parser: ArgumentParser, but: str = "") -> None:
    """Add each setting as a flag."""
    from leat.settings import Settings

    group = parser.add_argument_group("settings (each is an environment variable too)")
    for name, field in Settings.model_fields.items():
        if name == but:
            continue
        default = "" if name in ("mail", "secret", "token") else f" [{field.default}]"
        text = f"{field.description} (LEAT_{name.upper()}){default}".replace("%", "%%")
        group.add_argument(f"--{name.replace('_', '-')}", dest=f"setting_{name}", metavar="VALUE", help=text)


def settings(flags: Namespace) -> "Settings":
    """What flags and environment say; from now on others find nothing of it in this process. Raises Ended naming what is wrong."""
    from leat.concealment import conceal
    from leat.settings import SettingsInvalid, load

    try:
        return conceal(load(**_given(flags)))
    except SettingsInvalid as error:
        raise Ended(Exit.USAGE, error.message) from error


def _handed_over() -> "Settings":
    """The settings that the scaler gives to its processes: the first line of their standard input, which nobody else can read."""
    from leat.concealment import conceal
    from leat.settings import Settings

    line = b""
    while not line.endswith(b"\n"):  # no more than the line: whether standard input has ended is looked at later, without a buffer
        if not (byte := os.read(sys.stdin.fileno(), 1)):
            raise Ended(Exit.DONE)  # the scaler has ended
        line += byte
    return conceal(Settings.model_validate_json(line))


def _given(flags: Namespace) -> dict[str, str]:
    """The settings among the flags."""
    prefix = "setting_"
    named = {name.removeprefix(prefix): value for name, value in vars(flags).items() if name.startswith(prefix)}
    return {name: value for name, value in named.items() if value is not None}


def _up(flags: Namespace) -> Exit:
    from leat.cli.up import up

    return run_hub(up(settings(flags), flags.concurrency, workers=flags.workers))


def _work(flags: Namespace) -> Exit:
    from leat.cli.up import work, work_scaled
    from leat.scaling import Scale

    if flags.member:
        return run_hub(work(_handed_over(), flags.queues, flags.concurrency, until_eof=True))
    if flags.max is None:
        return run_hub(work(settings(flags), flags.queues, flags.concurrency, until_eof=flags.until_eof))
    if not 0 <= flags.min <= flags.max:
        raise Ended(Exit.USAGE, "--min is a number from 0 to --max")
    scale = Scale(flags.min, flags.max, flags.concurrency, flags.cool_down)
    words = ("work", *flags.queues, "--concurrency", str(flags.concurrency), "--member")
    return run_hub(work_scaled(settings(flags), flags.queues, scale, (sys.executable, "-P", "-m", "leat", *words)))


def _demo(flags: Namespace) -> Exit:
    from leat.cli.demo import demo

    return run_hub(demo(settings(flags), once=flags.once))


def _check(flags: Namespace) -> Exit:
    from leat.cli.address import fingerprint_of, gateway_of, token_of
    from leat.cli.check import check_hub
    from leat.urls import Address

    chosen = settings(flags)
    url = gateway_of(chosen.data, chosen.url, chosen.host, chosen.port)
    token = token_of(chosen.data, chosen.token.get_secret_value())
    address = Address(url, token, fingerprint=fingerprint_of(chosen.data, chosen.url))
    return run_hub(check_hub(chosen, address, json=flags.json))


def _check_pulse(flags: Namespace) -> Exit:
    from leat.cli.address import data_folder
    from leat.cli.health import check_pulse

    return check_pulse(data_folder(flags))


def run_hub(work: Any) -> Exit:
    """Run it; what it was refused becomes a word to the user."""
    from domain.errors import LeatError, Unavailable
    from events.bus import BusError
    from leat.loop import run

    try:
        return Exit(run(work) or Exit.DONE)
    except (Unavailable, BusError) as error:
        raise Ended(Exit.UNREACHABLE, str(error)) from error
    except LeatError as error:
        raise Ended(Exit.REFUSED, error.message) from error


def _schema(flags: Namespace) -> Exit:
    from leat.cli.schema import run

    return run(flags)
