"""`leat inbox`: what you were told."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from leat.cli import output
from leat.cli.exits import Exit
from leat.cli.session import positive, talking

if TYPE_CHECKING:
    from leat.cli.client import Gateway

ROW = "thread kind title text link at count read"
LIST = f"query Inbox($first: Int!, $unread: Boolean!) {{ inbox(first: $first, unread: $unread) {{ unread rows {{ {ROW} }} }} }}"
LIVE = f"subscription Inbox($after: String) {{ inbox(after: $after) {{ unread rows {{ {ROW} }} cursor gap }} }}"


def define(parser: ArgumentParser) -> None:
    """Add the arguments."""
    talking(parser, _inbox)
    parser.add_argument("--all", action="store_true", help="also what was read")
    parser.add_argument("--read", action="store_true", help="mark all of it as read once it was shown")
    parser.add_argument("--follow", action="store_true", help="then what comes in, until Ctrl-C")
    parser.add_argument("--limit", type=positive, default=20, metavar="N", help="the newest so many, 100 at most (20)")


async def _inbox(gateway: "Gateway", flags: Namespace) -> Exit:
    if flags.follow:
        return await _follow(gateway, flags)
    found = (await gateway.execute(LIST, {"first": min(flags.limit, 100), "unread": not flags.all}))["inbox"]
    if flags.json:
        output.as_json(found)
    else:
        rows = [row | {"what": _what(row), "state": "read" if row["read"] else "new"} for row in found["rows"]]
        output.table(rows, ("at", "state", "what", "text") if rows else ())
    if flags.read:
        await gateway.mutate("markRead", "inbox { unread }", threads=[row["thread"] for row in found["rows"]])
    return Exit.DONE


async def _follow(gateway: "Gateway", flags: Namespace) -> Exit:
    async for batch in gateway.subscribe(LIVE, "inbox", {}):
        if flags.json:
            output.as_json(batch)
            continue
        for row in reversed(batch["rows"]):
            if not row["read"]:
                print(f"{row['at']}  {_what(row)}", flush=True)
    return Exit.DONE


def _what(row: dict[str, Any]) -> str:
    return f"{row['title']} ({row['count']:,} messages)" if row["count"] > 1 else str(row["title"])
