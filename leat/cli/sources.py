"""`leat source`: data plugins, from their folder to a committed mapping."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leat.cli import documents, gates, history, mappings, output
from leat.cli.exits import Ended, Exit
from leat.cli.live import start
from leat.cli.session import command, editing, removing, starting, subcommands

if TYPE_CHECKING:
    from leat.cli.client import Gateway

LIST = """query Sources($after: String) { sources(first: 100, after: $after) {
  nodes { name release count disabled writer folder } pageInfo { hasNextPage endCursor } } }"""
SHOW = """query Source($name: String!) { source(name: $name) {
  name folder code release count disabled writer createdAt editedAt manifest
  parts { name count duplicates mappedBy mappedCount unmapped unseen
    inspection { documents pathCount warnings pathWarnings { path code message } } }
  dumps { output name release size at files { name } } uploads { output name release count at } } }"""
SCHEDULES = """query Schedules($after: String) { schedules(first: 100, after: $after) {
  nodes { name cron timezone source paused nextAt } pageInfo { hasNextPage endCursor } } }"""
CODE = "query Code($name: String!) { source(name: $name) { name folder code } }"


def define(parser: ArgumentParser) -> None:
    """Add the commands."""
    commands = subcommands(parser)
    add = command(commands, "add", "make a source of a plugin's folder", _add)
    add.add_argument("folder", help="folder of the hub's machine with a manifest and its code")
    add.add_argument("--name", default="", help="its name (as the manifest says, else the folder's)")
    _define_new(commands.add_parser("new", help="write the folder of a new plugin, without a hub"))
    command(commands, "list", "sources, oldest first", _list)
    for name, help, work in (
        ("show", "one source, with what is kept of it", _show),
        ("reload", "read the plugin's code and manifest again", _reload),
    ):
        command(commands, name, help, work).add_argument("name", help="the source")
    removing(commands, "remove a source with everything that was made of it", "removeSource").add_argument(
        "name", help="the source"
    )
    _define_check(commands.add_parser("check", help="read a plugin and parse its first documents, without a hub"))
    documents.of_source(command(commands, "documents", "look at documents of the newest upload", documents.source_documents))
    edit = editing(command(commands, "edit", "change where a source's code is, or whether it may be dumped", _edit))
    edit.add_argument("name", help="the source")
    edit.add_argument("--folder", help="where its code is read from at the next reload")
    edit.add_argument("--disabled", choices=("yes", "no"), help="whether dumps are refused")
    gates.define(commands, "source")
    history.define(commands, "source", ("mapping", "gates"))
    for name, help in (
        ("dump", "fetch what is new, then upload and inspect it"),
        ("upload", "parse the newest dump and store its documents, then inspect them"),
        ("inspect", "look at every document of the newest upload"),
    ):
        starting(command(commands, name, help, _starts(f"{name}Source"))).add_argument("name", help="the source")
    mappings.define(command(commands, "mapping", "show, commit, edit or try a part's mapping", mappings.work))


def _define_check(parser: ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="the plugin's folder")
    parser.add_argument("--files", type=Path, metavar="FOLDER", help="the data files, instead of fetching them")
    parser.add_argument("--documents", type=int, default=100, metavar="N", help="how many documents to parse (100)")
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")
    parser.set_defaults(run=_check)


def _define_new(parser: ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="the plugin's folder, which is made; its name is the source's")
    parser.add_argument("--file", type=Path, help="a table or JSON: the manifest then says how it is read, and no Python is needed")
    parser.add_argument("--url", default="", help="where the data is fetched from (the file)")
    parser.add_argument("--id", default="", metavar="COLUMN", help="the column that is _id, or a template such as {a}-{b}")
    parser.add_argument("--encoding", default="utf-8", help="the file's encoding (utf-8)")
    parser.set_defaults(run=_new)


def _new(flags: Namespace) -> Exit:
    from leat.cli.scaffold import new

    return new(flags.folder.expanduser(), flags.file and flags.file.expanduser(), flags.url, flags.id, flags.encoding)


def _check(flags: Namespace) -> Exit:
    from leat.cli.plugins import check

    return check(flags.folder, flags.files, flags.documents, flags.json)


async def _add(gateway: "Gateway", flags: Namespace) -> Exit:
    selection = "source { name folder code parts { name } manifest }"
    source = (await gateway.mutate("addSource", selection, folder=_folder(flags.folder), name=flags.name))["source"]
    return _said(flags, source, f"added {source['name']}")


async def _list(gateway: "Gateway", flags: Namespace) -> Exit:
    rows = await gateway.every(LIST, "sources")
    if flags.json:
        output.as_json(rows)
    else:
        output.table(rows, ("name", "release", "count", "disabled", "folder"))
    return Exit.DONE


async def _show(gateway: "Gateway", flags: Namespace) -> Exit:
    source = await _find(gateway, SHOW, flags.name)
    schedules = [each for each in await gateway.every(SCHEDULES, "schedules") if each["source"] == flags.name]
    if flags.json:
        output.as_json(source | {"schedules": schedules})
        return Exit.DONE
    output.pairs({key: source[key] for key in ("name", "folder", "code", "release", "count", "disabled", "writer")})
    manifest = source["manifest"]
    output.pairs(
        {"schedule": [_schedule(each) for each in schedules], "data_url": manifest["data_url"], "requires": manifest["requires"]}
    )
    columns = ("name", "parser", "count", "duplicates", "mapped", "unmapped", "warnings", "mapped by")
    _section("parts", [_shown(part, manifest) for part in source["parts"]], columns)
    dumps = [dump | {"files": len(dump["files"])} for dump in source["dumps"]]
    _section("dumps", dumps, ("name", "files", "size", "at", "output"))
    _section("uploads", source["uploads"], ("name", "count", "at", "output"))
    for kind, heading in (("unmapped", "not mapped, so no query finds"), ("unseen", "mapped, and no document has")):
        if found := {part["name"]: part[kind] for part in source["parts"] if part[kind]}:
            print(f"\n{heading}:")
            output.pairs(found)
    if unusual := [{"part": part["name"], **each} for part in source["parts"] for each in _warnings(part)]:
        _section("what the inspection warns of", unusual, ("part", "path", "code", "message"))
    for warning in manifest["warnings"]:
        output.note(f"warning: {warning}")
    _tell_changed(source)
    return Exit.DONE


def _tell_changed(source: dict[str, Any]) -> None:
    """A sentence where the plugin's folder is on this machine and differs from what was read of it."""
    from domain.data import plugins
    from domain.data.shared_modules import folder_of
    from domain.errors import Refused
    from leat.settings import load

    folder = Path(source["folder"])
    try:
        if not folder.is_dir():
            return
        modules = folder_of(folder, plugins.read(folder, source["name"]).modules, load().plugin_modules)
        changed = plugins.code_of(folder, modules) not in ("", source["code"])
    except Refused:  # its manifest, or the folder that it names, is not what it was
        changed = True
    except OSError:  # another user's folder: only the hub may read it
        return
    if changed:
        output.note(f"warning: {folder} changed since it was read: `leat source reload {source['name']}` reads it again")


def _warnings(part: dict[str, Any]) -> list[dict[str, Any]]:
    return part["inspection"]["pathWarnings"] if part["inspection"] else []


def _shown(part: dict[str, Any], manifest: dict[str, Any]) -> dict[str, Any]:
    """A part's line."""
    parser = next((uploader["parser"] for uploader in manifest["uploaders"] if uploader["name"] == part["name"]), None)
    inspection = part["inspection"]
    return {
        "name": part["name"],
        "parser": parser,
        "count": part["count"],
        "duplicates": part["duplicates"],
        "mapped": part["mappedCount"],
        "unmapped": len(part["unmapped"]) if inspection else None,
        "warnings": inspection and inspection["warnings"],
        "mapped by": (part["mappedBy"] or "").lower(),
    }


def _schedule(schedule: dict[str, Any]) -> str:
    told = "paused" if schedule["paused"] else f"next at {schedule['nextAt']}"
    return f"{schedule['cron']} {schedule['timezone']} ({told}, as {schedule['name']})"


def _section(title: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    print(f"\n{title}:")
    output.table(rows, columns)


async def _reload(gateway: "Gateway", flags: Namespace) -> Exit:
    source = (await gateway.mutate("reloadSource", "source { name code manifest }", name=flags.name))["source"]
    return _said(flags, source, f"reloaded {flags.name}: code {source['code']}")


def _said(flags: Namespace, source: dict[str, Any], text: str) -> Exit:
    """The end of a command that read a manifest, with what that warns of."""
    for warning in source["manifest"]["warnings"]:
        output.note(f"warning: {warning}")
    return output.said(flags.json, source, text)


async def _edit(gateway: "Gateway", flags: Namespace) -> Exit:
    disabled = None if flags.disabled is None else flags.disabled == "yes"
    folder = flags.folder and _folder(flags.folder)
    done = await gateway.mutate("editSource", "source { name folder disabled }", name=flags.name, folder=folder, disabled=disabled)
    return output.said(flags.json, done["source"], f"edited {flags.name}")


def _starts(mutation: str) -> Any:
    async def work(gateway: "Gateway", flags: Namespace) -> Exit:
        if not flags.json:
            _tell_changed(await _find(gateway, CODE, flags.name))
        return await start(gateway, flags, mutation, source=flags.name)

    return work


def _folder(text: str) -> str:
    """Absolute where it is a folder of this machine, else as it was given: the hub may run on another."""
    folder = Path(text).expanduser()
    return str(folder.resolve()) if folder.is_dir() else text


async def _find(gateway: "Gateway", document: str, name: str) -> dict[str, Any]:
    source: dict[str, Any] | None = (await gateway.execute(document, {"name": name}))["source"]
    if source is None:
        raise Ended(Exit.REFUSED, f"there is no source {name!r}")
    return source
