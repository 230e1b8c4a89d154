"""`leat channel` and `leat notify`: where notifications go, and what is told on purpose."""

import uuid
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from leat.cli import output
from leat.cli.exits import Ended, Exit
from leat.cli.session import Work, command, editing, subcommands, talking

if TYPE_CHECKING:
    from leat.cli.client import Gateway

FIELDS = "name medium address hasSecret kinds chosen window paused bounced failure failingSince outbox"
LIST = (
    f"query Channels($after: String) {{ channels(first: 100, after: $after) {{ nodes {{ {FIELDS} }} "
    "pageInfo { hasNextPage endCursor } } }"
)
KINDS = "{ notificationKinds { name title description byDefault } }"


def define(parser: ArgumentParser) -> None:
    """Add the commands."""
    if parser.get_default("command") == "notify":
        _define_notify(parser)
        return
    commands = subcommands(parser)
    add = command(commands, "add", "let notifications go by a channel", _add)
    add.add_argument("name", help="its name")
    add.add_argument("address", help="an e-mail address, a web hook's URL, a Slack web hook's URL, or #channel of a Slack bot")
    add.add_argument("--medium", choices=("email", "slack", "webhook"), help="what it is; by the address where it is left out")
    _what(add)
    command(commands, "list", "channels, oldest first", _list)
    command(commands, "kinds", "the kinds of notifications", _kinds)
    edit = editing(command(commands, "edit", "change a channel; what is left out stays", _edit))
    edit.add_argument("name", help="the channel")
    edit.add_argument("--address", help="where it leads from now on")
    _what(edit)
    for name, help, work in (
        ("pause", "let it send nothing until it is resumed", _paused(True, "is paused")),
        ("resume", "let it send again", _paused(False, "sends again")),
        ("test", "send a notice by it now, and wait until it was handed over", _test),
        ("remove", "remove it; what waits for it is not sent", _remove),
    ):
        command(commands, name, help, work).add_argument("name", help="the channel")


def _define_notify(parser: ArgumentParser) -> None:
    talking(parser, _notify)
    parser.add_argument("title", help="what to tell, in a line")
    parser.add_argument("--text", default="", help="in more words")
    parser.add_argument("--link", default="", help="where there is more, below the gateway's address")
    parser.add_argument(
        "--channel", action="append", default=[], help="by this channel; several may be named (all that tell notices)"
    )
    parser.add_argument("--key", default="", metavar="TEXT", help="idempotency key: asked twice with the same one, it is told once")


def _what(parser: ArgumentParser) -> None:
    parser.add_argument("--secret", help="a Slack bot's token, or what a web hook is signed with; - reads it from standard input")
    parser.add_argument("--kinds", help="what it tells, with commas between; `default`: what is told by default")
    parser.add_argument("--window", type=float, metavar="SECONDS", help="collect for so long what is sent as one message")


def _values(flags: Namespace) -> dict[str, Any]:
    """What is said of the channel; null kinds go back to the default."""
    import sys

    secret = sys.stdin.readline().strip() if flags.secret == "-" else flags.secret
    kinds = [kind.strip() for kind in (flags.kinds or "").split(",") if kind.strip()]
    chosen = {} if flags.kinds in (None, "default") else {"kinds": kinds}
    return {"secret": secret, "window": flags.window, **chosen}


async def _add(gateway: "Gateway", flags: Namespace) -> Exit:
    medium = (flags.medium or _medium_of(flags.address)).upper()
    done = await gateway.mutate(
        "addChannel", f"channel {{ {FIELDS} }}", name=flags.name, medium=medium, address=flags.address, **_values(flags)
    )
    if folder := done["channel"]["outbox"]:
        output.note(f"no mail server is set (LEAT_MAIL): its mails are files in {folder}")
    return output.said(flags.json, done["channel"], f"added {flags.name}; to try it: leat channel test {flags.name}")


def _medium_of(address: str) -> str:
    if address.startswith(("https://hooks.slack.com/", "#")):
        return "slack"
    return "webhook" if address.startswith(("http://", "https://")) else "email"


async def _edit(gateway: "Gateway", flags: Namespace) -> Exit:
    values = _values(flags) | {"address": flags.address}
    if flags.kinds == "default":
        await _to_default(gateway, flags.name)
    if any(value is not None for value in values.values()) or flags.kinds != "default":
        await gateway.mutate("editChannel", "channel { name }", name=flags.name, **values)
    return output.said(flags.json, {"name": flags.name}, f"edited {flags.name}")


async def _to_default(gateway: "Gateway", name: str) -> None:
    document = "mutation Edit($input: EditChannelInput!) { editChannel(input: $input) { ... on UserError { message } } }"
    told = (await gateway.execute(document, {"input": {"name": name, "kinds": None}}))["editChannel"]
    if "message" in told:
        raise Ended(Exit.REFUSED, told["message"])


def _paused(paused: bool, word: str) -> Work:
    async def work(gateway: "Gateway", flags: Namespace) -> Exit:
        done = await gateway.mutate("editChannel", f"channel {{ {FIELDS} }}", name=flags.name, paused=paused)
        return output.said(flags.json, done["channel"], f"{flags.name} {word}")

    return work


async def _list(gateway: "Gateway", flags: Namespace) -> Exit:
    channels = await gateway.every(LIST, "channels")
    if flags.json:
        output.as_json(channels)
        return Exit.DONE
    rows = [each | {"state": _state(each), "tells": each["kinds"]} for each in channels]
    output.table(rows, ("name", "medium", "address", "tells", "window", "state"))
    return Exit.DONE


def _state(channel: dict[str, Any]) -> str:
    if channel["paused"]:
        return "paused"
    if channel["bounced"]:
        return f"refused: {channel['bounced']}"
    return f"fails: {channel['failure']}" if channel["failure"] else "ok"


async def _kinds(gateway: "Gateway", flags: Namespace) -> Exit:
    kinds = (await gateway.execute(KINDS))["notificationKinds"]
    if flags.json:
        output.as_json(kinds)
    else:
        output.table(kinds, ("name", "description", "byDefault"))
    return Exit.DONE


async def _test(gateway: "Gateway", flags: Namespace) -> Exit:
    from leat.cli.live import follow

    done = await gateway.mutate("testChannel", "job { jobId }", name=flags.name)
    return await follow(gateway, done["job"]["jobId"], json=flags.json)


async def _remove(gateway: "Gateway", flags: Namespace) -> Exit:
    return output.said(flags.json, await gateway.mutate("removeChannel", "name", name=flags.name), f"removed {flags.name}")


async def _notify(gateway: "Gateway", flags: Namespace) -> Exit:
    done = await gateway.mutate(
        "notifyPeople",
        "job { jobId } replayed",
        title=flags.title,
        text=flags.text,
        link=flags.link,
        channels=flags.channel,
        idempotencyKey=flags.key or str(uuid.uuid4()),
    )
    return output.said(flags.json, done, "it is told" + ("; it had been before" if done["replayed"] else ""))
