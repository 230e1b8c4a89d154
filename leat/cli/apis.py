"""`leat api`: published APIs, and questions to them."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from leat.cli import hits, output
from leat.cli.exits import Ended, Exit
from leat.cli.session import Work, command, editing, removing, subcommands

if TYPE_CHECKING:
    from leat.cli.client import Gateway

FIELDS = "name buildName running automatic description path served { name version count output at }"
LIST = (
    f"query Apis($after: String) {{ apis(first: 100, after: $after) {{ nodes {{ {FIELDS} }} "
    "pageInfo { hasNextPage endCursor } } }"
)
SHOW = (
    f"query Api($name: String!) {{ api(name: $name) {{ {FIELDS} createdAt editedAt writer "
    "held { name held } releases { output name version count at served held acceptedBy acceptedAt acceptedDespite } } }"
)
SEARCH = """query Search($name: String!, $input: SearchInput!) { searchApi(name: $name, input: $input) { __typename
  ... on UserError { message code } ... on QueryInvalid { position }
  ... on SearchSuccess { total maxScore hits facets warnings } } }"""


def define(parser: ArgumentParser) -> None:
    """Add the commands."""
    commands = subcommands(parser)
    add = command(commands, "add", "publish a build as an API; it answers after its first release", _add)
    add.add_argument("name", help="its name, and so its path")
    add.add_argument("build", help="the build whose releases it serves")
    _words(add)
    command(commands, "list", "APIs, oldest first", _list)
    edit = editing(command(commands, "edit", "change an API; what is left out stays", _edit))
    edit.add_argument("name", help="the API")
    _words(edit)
    for name, help, work in (
        ("show", "one API, with its releases", _show),
        ("start", "let it answer", _switched("startApi", "answers")),
        ("stop", "let it answer 503", _switched("stopApi", "answers 503")),
    ):
        command(commands, name, help, work).add_argument("name", help="the API")
    removing(commands, "stop serving it and remove it with its releases", "removeApi").add_argument("name", help="the API")
    query = command(commands, "query", "search what it serves", _query)
    query.add_argument("name", help="the API")
    query.add_argument("query", nargs="?", default="*:*", help="Lucene syntax: gene:ABL1 AND NOT evidence:*guideline*")
    query.add_argument("--filter", action="append", default=[], metavar="QUERY", help="must match too; may be repeated")
    query.add_argument("--sort", action="append", default=[], metavar="PATH", help="--sort=-PATH for descending; may be repeated")
    query.add_argument("--facet", action="append", default=[], metavar="PATH", help="count its terms; may be repeated")
    query.add_argument(
        "--fields", metavar="PATHS", help="only these paths, by commas; `*` for any characters, `-path` to leave one out"
    )
    query.add_argument("--format", choices=hits.FORMATS, help="documents alone: JSON, one a line, or a table of their paths")
    query.add_argument("--limit", type=int, default=10, help="hits (10)")
    query.add_argument("--offset", type=int, default=0, help="hits to skip")


def _words(parser: ArgumentParser) -> None:
    parser.add_argument("--description", help="what it is, in words")
    parser.add_argument("--automatic", choices=("yes", "no"), help="release whenever its build has a new output")


def _values(flags: Namespace) -> dict[str, Any]:
    automatic = None if flags.automatic is None else flags.automatic == "yes"
    return {"name": flags.name, "description": flags.description, "automatic": automatic}


async def _add(gateway: "Gateway", flags: Namespace) -> Exit:
    done = await gateway.mutate("addApi", f"api {{ {FIELDS} }}", build=flags.build, **_values(flags))
    return output.said(flags.json, done["api"], f"added {flags.name}: {gateway.told}{done['api']['path']} after its first release")


async def _edit(gateway: "Gateway", flags: Namespace) -> Exit:
    done = await gateway.mutate("editApi", f"api {{ {FIELDS} }}", **_values(flags))
    return output.said(flags.json, done["api"], f"edited {flags.name}")


def _switched(mutation: str, word: str) -> Work:
    async def work(gateway: "Gateway", flags: Namespace) -> Exit:
        done = await gateway.mutate(mutation, f"api {{ {FIELDS} }}", name=flags.name)
        return output.said(flags.json, done["api"], f"{flags.name} {word}")

    return work


async def _list(gateway: "Gateway", flags: Namespace) -> Exit:
    apis = await gateway.every(LIST, "apis")
    if flags.json:
        output.as_json(apis)
        return Exit.DONE
    rows = [
        api
        | {
            "build": api["buildName"],
            "release": served.get("name"),
            "count": served.get("count"),
            "url": gateway.told + api["path"],
        }
        for api in apis
        for served in [api["served"] or {}]
    ]
    output.table(rows, ("name", "build", "running", "release", "count", "url"))
    return Exit.DONE


async def find(gateway: "Gateway", name: str) -> dict[str, Any]:
    """The API with its releases; raises Ended where there is none."""
    api: dict[str, Any] | None = (await gateway.execute(SHOW, {"name": name}))["api"]
    if api is None:
        raise Ended(Exit.REFUSED, f"there is no API {name!r}")
    return api


def table(api: dict[str, Any]) -> None:
    """The releases that an API keeps, and why one of them is held."""
    rows = [release | {"state": _state(release)} for release in api["releases"]]
    output.table(rows, ("name", "count", "at", "state", "output"))
    if held := api["held"]:
        output.note(f"{held['name']} is held; `leat release accept {api['name']}` serves it all the same:")
        for reason in held["held"]:
            output.note(f"  {reason}")


def _state(release: dict[str, Any]) -> str:
    state = "served" if release["served"] else "held" if release["held"] else "kept"
    return f"{state}, accepted by {release['acceptedBy']}" if release["acceptedBy"] else state


async def _show(gateway: "Gateway", flags: Namespace) -> Exit:
    api = await find(gateway, flags.name)
    if flags.json:
        output.as_json(api)
        return Exit.DONE
    output.pairs({key: value for key, value in api.items() if key not in ("releases", "served", "held")})
    print("\nreleases:")
    table(api)
    return Exit.DONE


async def search(gateway: "Gateway", name: str, **values: Any) -> dict[str, Any]:
    """What was found; raises Ended with a pointer into the query where it is refused."""
    found: dict[str, Any] = (await gateway.execute(SEARCH, {"name": name, "input": values}))["searchApi"]
    if found["__typename"] == "SearchSuccess":
        return found
    pointer = f"\n  {values['query']}\n  {' ' * found['position']}^" if "position" in found else ""
    raise Ended(Exit.REFUSED, found["message"] + pointer)


async def _query(gateway: "Gateway", flags: Namespace) -> Exit:
    fields = [field.strip() for field in (flags.fields or "").split(",") if field.strip()]
    found = await search(
        gateway,
        flags.name,
        query=flags.query,
        filters=flags.filter,
        sort=flags.sort,
        facets=flags.facet,
        limit=flags.limit,
        offset=flags.offset,
        fields=fields or None,
    )
    if flags.json:
        output.as_json({key: value for key, value in found.items() if key != "__typename"})
        return Exit.DONE
    for warning in found["warnings"]:
        output.note(f"warning: {warning}")
    hits.show(flags.format or "ndjson", found["hits"], fields)
    for path, facet in found["facets"].items():
        told = f"{path}: " + ", ".join(f"{term['term']} {term['count']:,}" for term in facet["terms"])
        output.note(told) if flags.format else print(told)
    output.note(f"{found['total']:,} found")
    return Exit.DONE
