"""`leat demo`: two real sources to a searchable API, watched live, then questions to it."""

import asyncio
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import leat
from leat import log_lines
from leat.cli import client, output
from leat.cli.apis import search
from leat.cli.exits import Ended, Exit
from leat.cli.live import start
from leat.cli.up import token_told
from leat.processors import half_the_processors
from leat.serving import serving
from leat.settings import Settings
from leat.urls import Address

EXAMPLES = Path(leat.__file__).parent.parent / "examples"
PLUGINS = ("bioregistry", "wikidata_properties")
BUILD = API = "registries"


class Question(NamedTuple):
    """Something to ask the API."""

    text: str
    query: str
    shown: Sequence[str]
    """Paths of a document that make the answer."""


QUESTIONS = (
    Question("What is hgnc?", "_id:hgnc", ("bioregistry.name", "bioregistry.license", "wikidata.property")),
    Question("Which registries name genes?", "bioregistry.domain:gene", ("bioregistry.name",)),
    Question(
        "Whose data is CC0, and has a Wikidata property?",
        "bioregistry.license:CC0-1.0 AND _exists_:wikidata.property",
        ("bioregistry.name", "wikidata.property"),
    ),
)


async def demo(settings: Settings, *, once: bool) -> Exit:
    """Serve a hub, lead the examples to their API, ask; then serve on unless `once`."""
    log_lines.configure(log_lines.WARNING)
    async with serving(settings, half_the_processors()) as (address, ended), client.connected(address) as gateway:
        print(f"A hub serves at {address.told}, its data is in {settings.data}.\n", flush=True)
        shown = asyncio.create_task(_show(settings, gateway, address))
        stopped = asyncio.create_task(ended.wait())
        await asyncio.wait((shown, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not shown.done():
            shown.cancel()
            await asyncio.wait((shown,))
            output.note("the hub stops too: `leat up` starts it again on the same data, and goes on")
            return Exit.DETACHED
        done = await shown
        if done is Exit.DONE and not once:
            print("\nThe hub serves on. Stop it with Ctrl-C; `leat up` starts it again on the same data.", flush=True)
            await stopped
        stopped.cancel()
    return done


async def _show(settings: Settings, gateway: client.Gateway, address: Address) -> Exit:
    """From plugins to answers."""
    await _prepare(gateway)
    print(f"Now {', '.join(PLUGINS)} are dumped, uploaded, inspected, merged and released:", flush=True)
    done = await start(gateway, Namespace(force=False, key="", detach=False, json=False), "runPipeline", build=BUILD, api=API)
    if done is Exit.DONE:
        for question in QUESTIONS:
            await _ask(gateway, question)
        _say_how_to_go_on(settings, address)
    return done


async def _prepare(gateway: client.Gateway) -> None:
    """Sources, build and API, where they are missing; a source that is there reads its code again."""
    for plugin in PLUGINS:
        if not await _made(gateway, "addSource", "source { name }", folder=str(EXAMPLES / plugin), name=plugin):
            await gateway.mutate("reloadSource", "source { name }", name=plugin)
    await _made(gateway, "addBuild", "build { name }", name=BUILD, sources=list(PLUGINS), docType="registry")
    await _made(
        gateway, "addApi", "api { name }", name=API, build=BUILD, description="Prefixes of identifiers, as two registries know them"
    )


async def _made(gateway: client.Gateway, mutation: str, selection: str, **values: Any) -> bool:
    """False where it exists already."""
    try:
        await gateway.mutate(mutation, selection, **values)
    except Ended as ended:
        if ended.code != "CONFLICT":
            raise
        return False
    return True


async def _ask(gateway: client.Gateway, question: Question) -> None:
    found = await search(gateway, API, query=question.query, sort=["_id"], limit=3)
    print(f"\n{question.text}  {question.query}\n  {found['total']:,} found")
    for hit in found["hits"]:
        print(f"  {hit['_id']:12} " + " · ".join(str(value) for path in question.shown if (value := _at(hit, path)) is not None))


def _at(document: Any, path: str) -> Any:
    for key in path.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _say_how_to_go_on(settings: Settings, address: Address) -> None:
    api = f"{address.told}/api/{API}"
    print()
    output.pairs(
        {
            "the API": api,
            "a document": f"{api}/registry/hgnc",
            "a query": f"{api}/query?q=bioregistry.domain:gene&size=2",
            "GraphQL": f"{address.told}/graphql",
            "token": token_told(settings, address.token, is_new=False),
        }
    )
