"""`leat build`: configurations that say which parts are merged."""

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING, Any

from leat.cli import documents, gates, history, output
from leat.cli.exits import Ended, Exit
from leat.cli.live import start
from leat.cli.session import command, editing, removing, starting, subcommands

if TYPE_CHECKING:
    from leat.cli.client import Gateway

FIELDS = "name version sources root mergeStruct docType versionFormat metadata automatic shards replicas writer"
OUTPUTS = "outputs { output version configuration count counts at }"
LIST = (
    f"query Builds($after: String) {{ builds(first: 100, after: $after) {{ nodes {{ {FIELDS} {OUTPUTS} }} "
    "pageInfo { hasNextPage endCursor } } }"
)
SHOW = f"query Build($name: String!) {{ build(name: $name) {{ {FIELDS} warnings createdAt editedAt {OUTPUTS} }} }}"

PARTS = """A part is what one uploader of a source fills. A source whose manifest has a single `uploader` is one part of the same
name; with several `uploaders` each is a part of its own name (`leat source show NAME` lists them)."""


def define(parser: ArgumentParser) -> None:
    """Add the commands."""
    commands = subcommands(parser)
    add = command(commands, "add", "make a build configuration", _add)
    add.add_argument("name", help="its name")
    add.epilog = PARTS
    add.add_argument(
        "sources", nargs="+", metavar="PART", help="parts of sources to merge: names, or regular expressions that match whole names"
    )
    _configuration(add)
    command(commands, "list", "builds, oldest first", _list)
    command(commands, "show", "one build, with what it made", _show).add_argument("name", help="the build")
    documents.of_build(command(commands, "documents", "look at documents that it made", documents.build_documents))
    edit = editing(command(commands, "edit", "change a build configuration; what is left out stays", _edit))
    edit.add_argument("name", help="the build")
    edit.epilog = PARTS
    edit.add_argument("--sources", nargs="+", metavar="PART", help="parts to merge: names, or regular expressions")
    _configuration(edit)
    gates.define(commands, "build")
    history.define(commands, "build", ("configuration", "gates"))
    removing(commands, "remove a build with what it made", "removeBuild").add_argument("name", help="the build")
    run = starting(command(commands, "run", "merge the current uploads of its sources", _run))
    run.add_argument("build", help="the build")
    run.add_argument("--name", help="what it is called (as its version format says)")


def _configuration(parser: ArgumentParser) -> None:
    parser.add_argument("--root", nargs="*", metavar="PART", help="parts whose documents define the ids; !x: all but x")
    parser.add_argument("--merge-struct", nargs="*", metavar="PART", help="parts that are merged key by key")
    parser.add_argument("--doc-type", help="the document type, such as gene")
    parser.add_argument("--version-format", help="strftime pattern of the version, in UTC")
    parser.add_argument("--metadata", type=_object, metavar="JSON", help="merged into the metadata that APIs serve")
    parser.add_argument("--automatic", choices=("yes", "no"), help="build whenever one of its sources was uploaded")
    parser.add_argument("--shards", type=int, help="shards of its indexes")
    parser.add_argument("--replicas", type=int, help="replicas of its indexes")


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ArgumentTypeError(f"""{text!r} is no JSON object, such as {{"license": "CC0-1.0"}}""")
    return value


def _values(flags: Namespace) -> dict[str, Any]:
    return {
        "name": flags.name,
        "sources": flags.sources,
        "root": flags.root,
        "mergeStruct": flags.merge_struct,
        "docType": flags.doc_type,
        "versionFormat": flags.version_format,
        "metadata": flags.metadata,
        "automatic": None if flags.automatic is None else flags.automatic == "yes",
        "shards": flags.shards,
        "replicas": flags.replicas,
    }


async def _add(gateway: "Gateway", flags: Namespace) -> Exit:
    done = await gateway.mutate("addBuild", f"build {{ {FIELDS} warnings }}", **_values(flags))
    return _said(flags, done["build"], f"added {flags.name}")


async def _edit(gateway: "Gateway", flags: Namespace) -> Exit:
    done = await gateway.mutate("editBuild", f"build {{ {FIELDS} warnings }}", **_values(flags))
    return _said(flags, done["build"], f"edited {flags.name}; the next build is made anew")


def _said(flags: Namespace, build: dict[str, Any], text: str) -> Exit:
    """The end of a command that changed a configuration, with what is wrong in that."""
    for warning in build["warnings"]:
        output.note(f"warning: {warning}")
    return output.said(flags.json, build, text)


async def _list(gateway: "Gateway", flags: Namespace) -> Exit:
    builds = await gateway.every(LIST, "builds")
    if flags.json:
        output.as_json(builds)
        return Exit.DONE
    newest = [build | (build["outputs"][0] | {"built": build["outputs"][0]["at"]} if build["outputs"] else {}) for build in builds]
    output.table(
        [row | {"version": row.get("built") and row["version"]} for row in newest], ("name", "sources", "version", "count", "built")
    )
    return Exit.DONE


async def _show(gateway: "Gateway", flags: Namespace) -> Exit:
    build = (await gateway.execute(SHOW, {"name": flags.name}))["build"]
    if build is None:
        raise Ended(Exit.REFUSED, f"there is no build {flags.name!r}")
    if flags.json:
        output.as_json(build)
        return Exit.DONE
    output.pairs({key: value for key, value in build.items() if key not in ("outputs", "warnings")})
    for warning in build["warnings"]:
        output.note(f"warning: {warning}")
    print("\noutputs:")
    rows = [made | {"read of parts": [f"{part}: {count:,}" for part, count in made["counts"].items()]} for made in build["outputs"]]
    output.table(rows, ("version", "configuration", "count", "read of parts", "at", "output"))
    return Exit.DONE


async def _run(gateway: "Gateway", flags: Namespace) -> Exit:
    return await start(gateway, flags, "runBuild", build=flags.build, name=flags.name)
