"""`leat build gates` and `leat source gates`: what keeps a release back, shown and set."""

import re
from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING, Any

from leat.cli import output
from leat.cli.exits import Ended, Exit
from leat.cli.session import Commands, Work, command

if TYPE_CHECKING:
    from leat.cli.client import Gateway

FIELDS = "lost fieldLost { path lost } fields ids queries { query least most } searchable"
EPILOG = """Without options the gates are printed. An option that is given sets its kind anew and leaves the others. COUNT is a
number, or a range such as 100.., ..200 or 100..200."""


def define(commands: Commands, noun: str) -> None:
    """Add the command to those of the noun, `build` or `source`."""
    parser = command(commands, "gates", "show or set what keeps its releases back", _work(noun))
    parser.epilog = EPILOG
    parser.add_argument("name", help=f"the {noun}")
    parser.add_argument("--lost", type=_share, metavar="SHARE", help="what documents and each field may lose: 0.1, or 10%%")
    parser.add_argument(
        "--field-lost", action="append", type=_field_loss, metavar="PATH=SHARE", help="what this field may lose; may be repeated"
    )
    parser.add_argument("--field", action="append", metavar="PATH", help="some document must have it; may be repeated")
    parser.add_argument("--id", action="append", metavar="ID", help="a document that must be there; may be repeated")
    parser.add_argument(
        "--query", action=_Expects, nargs=2, metavar=("QUERY", "COUNT"), help="must find so many documents; may be repeated"
    )
    parser.add_argument("--searchable", choices=("yes", "no"), help="whether some mapped field must find something")
    parser.add_argument("--reset", action="store_true", help="begin with the defaults, instead of with what is set")


def _share(text: str) -> float:
    number = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", text)
    share = float(number[1]) / (100 if number[2] else 1) if number else -1.0
    if not 0 <= share <= 1:
        raise ArgumentTypeError(f"{text!r} is no share: a number from 0 to 1, or from 0% to 100%")
    return share


def _field_loss(text: str) -> dict[str, Any]:
    path, _, share = text.rpartition("=")
    if not path:
        raise ArgumentTypeError(f"{text!r} is not PATH=SHARE, such as gene.symbol=0.5")
    return {"path": path, "lost": _share(share)}


class _Expects(Action):
    """Two words that belong together: argparse has no type for that."""

    def __call__(self, parser: ArgumentParser, namespace: Namespace, values: Any, option_string: str | None = None) -> None:
        query, count = values
        found = re.fullmatch(r"(\d*)(\.\.)?(\d*)", count)
        if not found or not count.strip(".") or (found[3] and not found[2]):
            parser.error(f"argument --query: {count!r} is no count: 100, 100.., ..200 or 100..200")
        least = int(found[1] or 0)
        most = int(found[3]) if found[3] else None if found[2] else least
        expected = {"query": query, "least": least, "most": most}
        setattr(namespace, self.dest, [*(getattr(namespace, self.dest) or []), expected])


def _work(noun: str) -> Work:
    async def work(gateway: "Gateway", flags: Namespace) -> Exit:
        asked = f"query Gates($name: String!) {{ {noun}(name: $name) {{ gates {{ {FIELDS} }} }} }}"
        found = (await gateway.execute(asked, {"name": flags.name}))[noun]
        if found is None:
            raise Ended(Exit.REFUSED, f"there is no {noun} {flags.name!r}")
        gates, changed = found["gates"], _given(flags)
        if changed or flags.reset:
            gates = changed if flags.reset else gates | changed
            done = await gateway.mutate(
                f"set{noun.capitalize()}Gates", f"{noun} {{ gates {{ {FIELDS} }} }}", name=flags.name, gates=gates
            )
            gates = done[noun]["gates"]
        if flags.json:
            output.as_json(gates)
            return Exit.DONE
        output.pairs(_shown(gates))
        return Exit.DONE

    return work


def _given(flags: Namespace) -> dict[str, Any]:
    """The gates that the flags set."""
    given = {
        "lost": flags.lost,
        "fieldLost": flags.field_lost,
        "fields": flags.field,
        "ids": flags.id,
        "queries": flags.query,
        "searchable": None if flags.searchable is None else flags.searchable == "yes",
    }
    return {name: value for name, value in given.items() if value is not None}


def _shown(gates: dict[str, Any]) -> dict[str, Any]:
    lost = gates["lost"]
    return {
        "may be lost": "as the build says; 10% where that says nothing" if lost is None else f"{lost:.4g}",
        "of fields": [f"{each['path']}={each['lost']:.4g}" for each in gates["fieldLost"]],
        "fields": gates["fields"],
        "ids": gates["ids"],
        "queries": [f"{each['query']} {_count(each)}" for each in gates["queries"]],
        "searchable": gates["searchable"],
    }


def _count(expected: dict[str, Any]) -> str:
    least, most = expected["least"], expected["most"]
    return str(least) if least == most else f"{least}..{'' if most is None else most}"
