"""`leat source history` and `leat build history`: what was changed, when and by whom, and the way back."""

from argparse import Namespace
from typing import TYPE_CHECKING

from leat.cli import output
from leat.cli.exits import Ended, Exit
from leat.cli.session import Commands, Work, command

if TYPE_CHECKING:
    from leat.cli.client import Gateway


def define(commands: Commands, noun: str, topics: tuple[str, ...]) -> None:
    """Add the commands to those of the noun, `source` or `build`; these are the topics of its history."""
    shown = command(commands, "history", f"what its {' and '.join(topics)} were, when and by whom", _history(noun))
    shown.add_argument("name", help=f"the {noun}")
    shown.add_argument("change", nargs="?", type=int, help="print what held after this change")
    shown.add_argument("--topic", choices=topics, default="", help="only changes of it")
    restored = command(commands, "restore", f"go back to what its {' or '.join(topics)} were after a change", _restore(noun))
    restored.add_argument("name", help=f"the {noun}")
    restored.add_argument("change", type=int, help="the change's number, as `history` shows it")


def _history(noun: str) -> Work:
    async def work(gateway: "Gateway", flags: Namespace) -> Exit:
        values = " values" if flags.change or flags.json else ""
        asked = f"""query History($name: String!, $topic: String!) {{ {noun}(name: $name) {{
          history(topic: $topic) {{ number at by topic{values} }} }} }}"""
        found = (await gateway.execute(asked, {"name": flags.name, "topic": flags.topic}))[noun]
        if found is None:
            raise Ended(Exit.REFUSED, f"there is no {noun} {flags.name!r}")
        changes = [each for each in found["history"] if flags.change in (None, each["number"])]
        if flags.change and not changes:
            raise Ended(Exit.REFUSED, f"{flags.name} has no change {flags.change} in its history")
        if flags.json or flags.change:
            output.as_json(changes[0]["values"] if flags.change else changes)
        else:
            output.table([each | {"by": each["by"] or "not known"} for each in changes], ("number", "topic", "at", "by"))
        return Exit.DONE

    return work


def _restore(noun: str) -> Work:
    async def work(gateway: "Gateway", flags: Namespace) -> Exit:
        fields = f"{noun} {{ name history {{ number topic }} }}"
        done = (await gateway.mutate(f"restore{noun.capitalize()}", fields, name=flags.name, change=flags.change))[noun]
        return output.said(
            flags.json, done, f"{flags.name} is again as after change {flags.change}; the next build or release uses it"
        )

    return work
