"""`leat source documents`, `leat build documents`: a look at documents before they are released."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from leat.cli import output
from leat.cli.exits import Ended, Exit
from leat.cli.session import positive

if TYPE_CHECKING:
    from leat.cli.client import Gateway

ARGUMENTS = "$name: String!, $first: Int!, $after: String!, $fields: [String!], $ids: [String!]!, $paging: Boolean!"
SELECTION = """{ documents(ids: $ids, fields: $fields) @skip(if: $paging)
  documentPage(first: $first, after: $after, fields: $fields) @include(if: $paging) { documents hasNextPage endCursor } }"""
PARTS = "query Parts($name: String!) { source(name: $name) { parts { name } } }"
OF_SOURCE = f"query Documents({ARGUMENTS}, $key: String!) {{ source(name: $name) {{ found: part(name: $key) {SELECTION} }} }}"
OF_BUILD = f"query Documents({ARGUMENTS}, $key: String) {{ build(name: $name) {{ found: output(version: $key) {SELECTION} }} }}"
PAGE = 100
"""Documents that are asked for at a time."""


def define(parser: ArgumentParser) -> None:
    """Add what both commands take."""
    parser.add_argument(
        "--id", action="append", default=[], dest="ids", metavar="ID", help="the document of this _id; may be repeated"
    )
    parser.add_argument(
        "--fields",
        default="",
        metavar="PATHS",
        help="only these paths, by commas; `*` for any characters, `-path` to leave one out",
    )
    parser.add_argument("--limit", type=positive, default=10, metavar="N", help="how many (10), in the order of their _id")
    parser.add_argument("--after", default="", metavar="ID", help="only documents behind this _id")


def of_source(parser: ArgumentParser) -> None:
    """Add the arguments of `leat source documents`."""
    parser.add_argument("name", help="the source")
    parser.add_argument("--part", help="the part, where it has several")
    define(parser)


def of_build(parser: ArgumentParser) -> None:
    """Add the arguments of `leat build documents`."""
    parser.add_argument("name", help="the build")
    parser.add_argument("--version", help="the version or output (the newest)")
    define(parser)


async def source_documents(gateway: "Gateway", flags: Namespace) -> Exit:
    """Print documents of the source's current upload."""
    part = flags.part
    if part is None:
        source = (await gateway.execute(PARTS, {"name": flags.name}))["source"]
        names = [each["name"] for each in source["parts"]] if source else []
        if len(names) > 1:
            raise Ended(Exit.REFUSED, f"{flags.name} has the parts {', '.join(names)}: say which with --part")
        part = next(iter(names), flags.name)
    return await _print(gateway, flags, "source", OF_SOURCE, part)


async def build_documents(gateway: "Gateway", flags: Namespace) -> Exit:
    """Print documents of what the build made."""
    return await _print(gateway, flags, "build", OF_BUILD, flags.version)


async def _print(gateway: "Gateway", flags: Namespace, noun: str, query: str, key: str | None) -> Exit:
    """An object a line for scripts, indented for people; at the end, people are told how to go on."""
    fields = [field.strip() for field in flags.fields.split(",") if field.strip()]
    variables = {"name": flags.name, "key": key, "fields": fields, "ids": flags.ids, "paging": not flags.ids}
    async for document in _documents(gateway, flags, noun, query, variables):
        if flags.json:
            output.as_json(document)
        else:
            print(json.dumps(document, ensure_ascii=False, indent=2), flush=True)
    return Exit.DONE


async def _documents(
    gateway: "Gateway", flags: Namespace, noun: str, query: str, variables: dict[str, Any]
) -> AsyncIterator[dict[str, Any]]:
    after, left = flags.after, flags.limit
    while True:
        asked = {**variables, "first": min(left, PAGE), "after": after}
        found = await _found(gateway, noun, query, asked)
        if flags.ids:
            for id in flags.ids:
                if id in found["documents"]:
                    yield found["documents"][id]
            absent = [id for id in flags.ids if id not in found["documents"]]
            if absent:
                raise Ended(Exit.REFUSED, f"there is no document {', '.join(absent)}")
            return
        page = found["documentPage"]
        for document in page["documents"]:
            yield document
        left -= len(page["documents"])
        if not page["hasNextPage"]:
            return
        after = page["endCursor"]
        if left <= 0:
            output.note(f"there are more: --after {after}, or --limit")
            return


async def _found(gateway: "Gateway", noun: str, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    owner = (await gateway.execute(query, variables))[noun]
    if owner is None:
        raise Ended(Exit.REFUSED, f"there is no {noun} {variables['name']!r}")
    found: dict[str, Any] | None = owner["found"]
    if found is None and noun == "source":
        raise Ended(Exit.REFUSED, f"{variables['name']} has no part {variables['key']!r}")
    if found is None:
        version = f" of version {variables['key']}" if variables["key"] else ""
        verb, what = ("show", "lists what is there") if version else ("run", "does it")
        told = f"the build {variables['name']} has made nothing{version} that is kept"
        raise Ended(Exit.REFUSED, f"{told}: `leat build {verb} {variables['name']}` {what}")
    return found
