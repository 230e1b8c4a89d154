"""`leat backup | restore`: a copy of the whole hub, and a hub made of it. They open the stores themselves, beside the gateway."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from leat.cli import hub, output
from leat.cli.exits import Exit


def define(parser: ArgumentParser) -> None:
    """Add the arguments of one of the two."""
    backs_up = parser.get_default("command") == "backup"
    what = "where to put it: a folder that is new, or empty" if backs_up else "the backup"
    parser.add_argument("folder", type=Path, metavar="FOLDER", help=what)
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")
    hub.settings_flags(parser)
    parser.set_defaults(run=_back_up if backs_up else _restore)


def _back_up(flags: Namespace) -> Exit:
    return hub.run_hub(_backed_up(flags))


async def _backed_up(flags: Namespace) -> Exit:
    from leat.backup import back_up

    contents = await back_up(hub.settings(flags), flags.folder)
    for name in contents.absent:
        output.note(f"{name} was not there to copy")
    counts = {
        "hub": contents.hub,
        "files": len(contents.files),
        "collections": len(contents.collections),
        "indexes": len(contents.indexes),
        "absent": contents.absent,
    }
    told = "{files:,} files, {collections:,} collections, and what {indexes:,} indexes are made of".format_map(counts)
    return output.said(flags.json, counts, f"{flags.folder} holds {contents.hub}: {told}")


def _restore(flags: Namespace) -> Exit:
    return hub.run_hub(_restored(flags))


async def _restored(flags: Namespace) -> Exit:
    from leat.restore import restore

    contents, unmade = await restore(hub.settings(flags), flags.folder)
    for name in unmade:
        output.note(f"the release {name} can't be indexed, since the collection that it was made of is not in the backup")
    counts = {"hub": contents.hub, "indexes": len(contents.indexes) - len(unmade), "unmade": unmade, "absent": contents.absent}
    told = f"{contents.hub} is there again, with {counts['indexes']} indexes made anew; `leat up` goes on with it"
    return output.said(flags.json, counts, told)
