"""`leat source`: data plugins, from their folder to a committed mapping."""

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leat.cli import output
from leat.cli.exits import Ended, Exit
from leat.cli.live import start
from leat.cli.session import command, starting, subcommands

if TYPE_CHECKING:
    from leat.cli.client import Gateway

LIST = """query Sources($after: String) { sources(first: 100, after: $after) {
  nodes { name release count disabled writer folder } pageInfo { hasNextPage endCursor } } }"""
SHOW = """query Source($name: String!) { source(name: $name) {
  name folder code release count disabled writer createdAt editedAt manifest
  parts { name count duplicates inspection { documents pathCount warnings } }
  dumps { output release size at } uploads { output release count at } } }"""
MAPPING = "query Mapping($name: String!) { source(name: $name) { parts { name mapping inspection { paths } } } }"


def define(parser: ArgumentParser) -> None:
    """Add the commands."""
    commands = subcommands(parser)
    add = command(commands, "add", "make a source of a plugin's folder", _add)
    add.add_argument("folder", help="folder of the hub's machine with a manifest and its code")
    add.add_argument("--name", default="", help="its name (as the manifest says, else the folder's)")
    command(commands, "list", "sources, oldest first", _list)
    for name, help, work in (
        ("show", "one source, with what is kept of it", _show),
        ("reload", "read the plugin's code and manifest again", _reload),
        ("remove", "remove a source with everything that was made of it", _remove),
    ):
        command(commands, name, help, work).add_argument("name", help="the source")
    _define_check(commands.add_parser("check", help="read a plugin and parse its first documents, without a hub"))
    edit = command(commands, "edit", "change where a source's code is, or whether it may be dumped", _edit)
    edit.add_argument("name", help="the source")
    edit.add_argument("--folder", help="where its code is read from at the next reload")
    edit.add_argument("--disabled", choices=("yes", "no"), help="whether dumps are refused")
    for name, help in (
        ("dump", "fetch what is new, then upload and inspect it"),
        ("upload", "parse the newest dump and store its documents, then inspect them"),
        ("inspect", "look at every document of the newest upload"),
    ):
        starting(command(commands, name, help, _starts(f"{name}Source"))).add_argument("name", help="the source")
    _define_mapping(command(commands, "mapping", "show, commit or try a part's mapping", _mapping))


def _define_check(parser: ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="the plugin's folder")
    parser.add_argument("--files", type=Path, metavar="FOLDER", help="the data files, instead of fetching them")
    parser.add_argument("--documents", type=int, default=100, metavar="N", help="how many documents to parse (100)")
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")
    parser.set_defaults(run=_check)


def _define_mapping(parser: ArgumentParser) -> None:
    starting(parser)
    parser.add_argument("name", help="the source")
    parser.add_argument("--part", default="", help="one of its parts (the only one)")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--suggested", action="store_true", help="print what the inspection suggests")
    action.add_argument("--commit", metavar="FILE", help="commit the Elasticsearch properties in FILE (- for standard input)")
    action.add_argument("--validate", action="store_true", help="try the committed mapping on a scratch index")
    action.add_argument("--field", metavar="PATH", help="change one field of the committed mapping")
    parser.add_argument("--type", help="with --field: keyword, text, integer, long, float, double, boolean or date")
    parser.add_argument("--indexed", choices=("yes", "no"), help="with --field: whether queries find it")
    parser.add_argument("--default", choices=("yes", "no"), help="with --field: whether words without a path find it")


def _check(flags: Namespace) -> Exit:
    from leat.cli.plugins import check

    return check(flags.folder, flags.files, flags.documents, flags.json)


async def _add(gateway: "Gateway", flags: Namespace) -> Exit:
    selection = "source { name folder code parts { name } manifest }"
    done = await gateway.mutate("addSource", selection, folder=_folder(flags.folder), name=flags.name)
    return output.said(flags.json, done["source"], f"added {done['source']['name']}")


async def _list(gateway: "Gateway", flags: Namespace) -> Exit:
    rows = await gateway.every(LIST, "sources")
    if flags.json:
        output.as_json(rows)
    else:
        output.table(rows, ("name", "release", "count", "disabled", "folder"))
    return Exit.DONE


async def _show(gateway: "Gateway", flags: Namespace) -> Exit:
    source = await _find(gateway, SHOW, flags.name)
    if flags.json:
        output.as_json(source)
        return Exit.DONE
    output.pairs({key: source[key] for key in ("name", "folder", "code", "release", "count", "disabled", "writer")})
    for title, columns in (
        ("parts", ("name", "count", "duplicates")),
        ("dumps", ("release", "size", "at", "output")),
        ("uploads", ("release", "count", "at", "output")),
    ):
        print(f"\n{title}:")
        output.table(source[title], columns)
    return Exit.DONE


async def _reload(gateway: "Gateway", flags: Namespace) -> Exit:
    done = await gateway.mutate("reloadSource", "source { name code manifest }", name=flags.name)
    return output.said(flags.json, done["source"], f"reloaded {flags.name}: code {done['source']['code']}")


async def _edit(gateway: "Gateway", flags: Namespace) -> Exit:
    disabled = None if flags.disabled is None else flags.disabled == "yes"
    folder = flags.folder and _folder(flags.folder)
    done = await gateway.mutate("editSource", "source { name folder disabled }", name=flags.name, folder=folder, disabled=disabled)
    return output.said(flags.json, done["source"], f"edited {flags.name}")


async def _remove(gateway: "Gateway", flags: Namespace) -> Exit:
    return output.said(flags.json, await gateway.mutate("removeSource", "name", name=flags.name), f"removed {flags.name}")


def _starts(mutation: str) -> Any:
    async def work(gateway: "Gateway", flags: Namespace) -> Exit:
        return await start(gateway, flags, mutation, source=flags.name)

    return work


async def _mapping(gateway: "Gateway", flags: Namespace) -> Exit:
    if flags.validate:
        return await start(gateway, flags, "validateMapping", source=flags.name)
    part = _part(await _find(gateway, MAPPING, flags.name), flags.part)
    if flags.commit:
        return await _commit(gateway, flags, part["name"], properties=_read(flags.commit))
    if flags.field:
        field = {"path": flags.field, "type": flags.type, "indexed": _yes(flags.indexed), "searchedByDefault": _yes(flags.default)}
        return await _commit(
            gateway, flags, part["name"], fields=[{key: value for key, value in field.items() if value is not None}]
        )
    if flags.suggested:
        paths = (part["inspection"] or {}).get("paths")
        if paths is None:
            raise Ended(Exit.REFUSED, f"{part['name']} was not inspected yet")
        output.as_json(paths)
    else:
        print(json.dumps(part["mapping"], indent=None if flags.json else 2))
    return Exit.DONE


async def _commit(gateway: "Gateway", flags: Namespace, part: str, **mapping: Any) -> Exit:
    done = await gateway.mutate("setMapping", "source { parts { name mapping } }", source=flags.name, part=part, **mapping)
    return output.said(flags.json, _part(done["source"], part), f"committed the mapping of {part}; the next build merges it")


def _folder(text: str) -> str:
    """Absolute where it is a folder of this machine, else as it was given: the hub may run on another."""
    folder = Path(text).expanduser()
    return str(folder.resolve()) if folder.is_dir() else text


def _yes(flag: str | None) -> bool | None:
    return None if flag is None else flag == "yes"


def _read(file: str) -> Any:
    try:
        return json.loads(sys.stdin.read() if file == "-" else Path(file).read_text())
    except (OSError, ValueError) as error:
        raise Ended(Exit.USAGE, f"{file}: {error}") from error


def _part(source: dict[str, Any], name: str) -> dict[str, Any]:
    parts: list[dict[str, Any]] = source["parts"]
    if not name and len(parts) == 1:
        return parts[0]
    for part in parts:
        if part["name"] == name:
            return part
    raise Ended(Exit.USAGE, f"--part is one of {', '.join(part['name'] for part in parts)}")


async def _find(gateway: "Gateway", document: str, name: str) -> dict[str, Any]:
    source: dict[str, Any] | None = (await gateway.execute(document, {"name": name}))["source"]
    if source is None:
        raise Ended(Exit.REFUSED, f"there is no source {name!r}")
    return source
