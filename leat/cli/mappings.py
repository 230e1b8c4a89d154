"""`leat source mapping`: a part's mapping shown, suggested, committed, edited, tried."""

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.wording import listed
from leat.cli import output
from leat.cli.exits import Ended, Exit
from leat.cli.live import start
from leat.cli.session import starting

if TYPE_CHECKING:
    from leat.cli.client import Gateway

PART = "query Part($name: String!) {{ source(name: $name) {{ parts {{ name {} }} }} }}"
PATHS = """query Paths($name: String!, $part: String!, $after: String! = "") {
  source(name: $name) { part(name: $part) { inspection { paths(after: $after) } } } }"""
PAGE = 10_000
"""Paths that the hub gives at a time."""

STATISTICS = "leat source mapping {} --statistics"


def define(parser: ArgumentParser) -> None:
    """Add the arguments."""
    starting(parser, force=False)
    parser.add_argument("name", help="the source")
    parser.add_argument("--part", default="", help="one of its parts (the only one)")
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--suggested", action="store_true", help="print the mapping that the inspection suggests; --commit takes it"
    )
    action.add_argument("--statistics", action="store_true", help="print what the inspection saw at each path")
    action.add_argument("--warnings", action="store_true", help="print everything that the inspection warns of")
    action.add_argument("--commit", metavar="FILE", help="commit the Elasticsearch properties in FILE (- for standard input)")
    action.add_argument("--automatic", action="store_true", help="commit what inspections suggest, now and from now on")
    action.add_argument("--save", metavar="FILE", help="save the properties in FILE as a draft, which --commit-draft commits")
    action.add_argument("--commit-draft", action="store_true", help="commit the draft")
    action.add_argument("--discard-draft", action="store_true", help="forget the draft")
    action.add_argument(
        "--validate", action="store_true", help="try the committed mapping: what is found of each path, and what is lost"
    )
    action.add_argument("--field", metavar="PATH", help="change one field of the committed mapping, or with --type add it")
    parser.add_argument("--draft", action="store_true", help="show, edit with --field, or try with --validate, the draft instead")
    parser.add_argument("--type", help="with --field: keyword, text, integer, long, float, double, boolean or date")
    parser.add_argument("--indexed", choices=("yes", "no"), help="with --field: whether queries find it")
    parser.add_argument("--default", choices=("yes", "no"), help="with --field: whether words without a path find it")


async def work(gateway: "Gateway", flags: Namespace) -> Exit:
    """Do what the flags say."""
    if flags.draft and flags.commit:
        raise Ended(Exit.USAGE, "--save FILE saves a draft, --commit FILE commits: --draft does not go with it")
    if flags.validate:
        return await start(gateway, flags, "validateMapping", source=flags.name, draft=flags.draft)
    if flags.commit or flags.save or flags.field or flags.automatic or flags.commit_draft or flags.discard_draft:
        return await _commit(gateway, flags)
    if flags.suggested or flags.statistics or flags.warnings:
        return await _inspected(gateway, flags)
    part = await _part(gateway, flags, "mapping draft")
    if flags.draft:
        if part["draft"] is None:
            raise Ended(Exit.REFUSED, f"{part['name']} has no draft (leat source mapping {flags.name} --save FILE)")
        return _print(flags, part["draft"])
    if part["mapping"] is None:
        raise Ended(
            Exit.REFUSED, f"{part['name']} has no mapping yet: its first inspection commits one (leat source dump {flags.name})"
        )
    return _print(flags, part["mapping"])


async def _inspected(gateway: "Gateway", flags: Namespace) -> Exit:
    wanted = "suggested" if flags.suggested else "pathWarnings { path code message }" if flags.warnings else "documents"
    part = await _part(gateway, flags, f"inspection {{ {wanted} }}")
    inspection = part["inspection"]
    if inspection is None:
        raise Ended(Exit.REFUSED, f"{part['name']} was not inspected yet (leat source dump {flags.name})")
    if flags.suggested:
        return _print(flags, inspection["suggested"])
    if flags.statistics:
        return _print(flags, await _paths(gateway, flags.name, part["name"]))
    if flags.json:
        output.as_json(inspection["pathWarnings"])
    else:
        output.table(inspection["pathWarnings"], ("path", "code", "message"))
    return Exit.DONE


async def _paths(gateway: "Gateway", source: str, part: str) -> list[Any]:
    """All paths of the part's inspection, page by page."""
    found: list[Any] = []
    while True:
        given = {"name": source, "part": part, "after": found[-1]["_id"] if found else ""}
        page = (await gateway.execute(PATHS, given))["source"]["part"]["inspection"]["paths"]
        found += page
        if len(page) < PAGE:
            return found


async def _commit(gateway: "Gateway", flags: Namespace) -> Exit:
    part = (await _part(gateway, flags, ""))["name"]
    mapping: dict[str, Any] = {"automatic": flags.automatic or None}
    if flags.commit_draft or flags.discard_draft:
        mapping["endDraft"] = "COMMIT" if flags.commit_draft else "DISCARD"
    if flags.save or (flags.draft and flags.field):
        mapping["draft"] = True
    if flags.commit or flags.save:
        mapping["properties"] = _read(flags.commit or flags.save)
    if flags.field:
        field = {"path": flags.field, "type": flags.type, "indexed": _yes(flags.indexed), "searchedByDefault": _yes(flags.default)}
        mapping["fields"] = [{key: value for key, value in field.items() if value is not None}]
    done = await gateway.mutate(
        "setMapping", "source { parts { name mapping draft unseen } }", source=flags.name, part=part, **mapping
    )
    committed = next(each for each in done["source"]["parts"] if each["name"] == part)
    unseen = [path for path in committed.pop("unseen") if flags.field in (None, path)]
    if unseen:
        output.note(f"warning: no document of {part} that was inspected has {listed(unseen, 5)}: {STATISTICS.format(flags.name)}")
    return output.said(flags.json, committed, _told(flags, part, draft=mapping.get("draft", False)))


def _told(flags: Namespace, part: str, *, draft: bool) -> str:
    if draft:
        return f"saved a draft of the mapping of {part}; --draft --validate tries it, --commit-draft commits it"
    if flags.discard_draft:
        return f"{part} has no draft any more"
    if flags.automatic:
        return f"{part} is mapped by its inspections again, now and from now on; the next build merges it"
    return f"committed the mapping of {part}; the next build merges it"


async def _part(gateway: "Gateway", flags: Namespace, selection: str) -> dict[str, Any]:
    """The part that the flags mean."""
    source = (await gateway.execute(PART.format(selection), {"name": flags.name}))["source"]
    if source is None:
        raise Ended(Exit.REFUSED, f"there is no source {flags.name!r}")
    parts: list[dict[str, Any]] = source["parts"]
    if not flags.part and len(parts) == 1:
        return parts[0]
    for part in parts:
        if part["name"] == flags.part:
            return part
    if not parts:
        raise Ended(Exit.REFUSED, f"{flags.name} has no parts: its manifest names no uploader")
    raise Ended(Exit.USAGE, f"--part is one of {', '.join(part['name'] for part in parts)}")


def _print(flags: Namespace, value: Any) -> Exit:
    print(json.dumps(value, ensure_ascii=False, indent=None if flags.json else 2))
    return Exit.DONE


def _yes(flag: str | None) -> bool | None:
    return None if flag is None else flag == "yes"


def _read(file: str) -> Any:
    try:
        return json.loads(sys.stdin.read() if file == "-" else Path(file).read_text())
    except (OSError, ValueError) as error:
        raise Ended(Exit.USAGE, f"{file}: {error}") from error
