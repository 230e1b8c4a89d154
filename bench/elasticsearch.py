"""The feed step into Elasticsearch beside the client's own `async_streaming_bulk`, into an index of the same settings.

    .venv/bin/python -m bench.elasticsearch [--documents 50000] [--rounds 5] [--url http://127.0.0.1:9200]

Both end with what sealing asks of the server. The step reads a sealed collection on SQLite; the loop has its documents encoded in
memory. Target: at least 0.8 of the loop's documents per second. `processor` is the client's; the server is shared by both in turn.
"""

import argparse
import asyncio
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import orjson
from elasticsearch import AsyncElasticsearch, OrjsonSerializer
from elasticsearch.helpers import async_streaming_bulk

from adapters.elasticsearch.index import mapping, serving_settings, settings
from bench import variants
from bench.merge import Silent
from bench.processes import Measured, address, apart, measure_here, show
from bench.results import Ratio, tell
from domain.ports.search import IndexSpec
from domain.query.plan import Fields
from leat.adapters import open_stores
from workers.index.feed import feed

SPEC = IndexSpec(mapping=variants.MAPPING, collection=variants.A)
HUB = f"bench-{secrets.token_hex(4)}"
Encoded = tuple[str, bytes]


def encoded(count: int) -> list[Encoded]:
    """Ids and bodies, the id in the body under another name, as our adapter keeps it, in order."""
    made = []
    for values in variants.associations(count):
        id = values.pop("_id")
        made.append((id, orjson.dumps({"__id": id, **values})))
    return sorted(made)


async def step(folder: Path, url: str, count: int) -> None:
    """Ours."""
    async with open_stores({**address(folder), "name": HUB, "search": url}) as stores:
        fed = await feed(stores, {"output": "ours.1", "spec": msgspec.to_builtins(SPEC)}, Silent())
        assert fed["count"] == count
        await stores.search.drop("ours.1")


async def loop(documents: list[Encoded], url: str) -> None:
    """The client's own, a thousand documents a request."""
    index = f"{HUB}.theirs.1"

    def actions() -> Iterator[Any]:
        return iter(documents)

    def expand(pair: Encoded) -> Any:
        return {"index": {"_id": pair[0]}}, pair[1]

    client = AsyncElasticsearch(url, request_timeout=120, serializer=OrjsonSerializer())
    fields = Fields(SPEC.mapping)
    await client.indices.create(index=index, settings=settings(SPEC, fields), mappings=mapping(SPEC, fields))
    async for _ in async_streaming_bulk(client, actions(), chunk_size=1000, expand_action_callback=expand, index=index):
        pass
    await client.indices.refresh(index=index)
    await client.indices.flush(index=index, wait_if_ongoing=True)
    await client.indices.put_settings(index=index, settings=serving_settings(SPEC))
    assert (await client.count(index=index))["count"] == len(documents)
    await client.indices.delete(index=index)
    await client.close()


def prepare(folder: Path, count: int) -> None:
    """Store the documents of this bench."""

    async def store() -> None:
        async with open_stores(address(folder)) as stores:
            await variants.store(stores, variants.A, variants.associations(count))

    asyncio.run(store())


def main() -> None:
    """Print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--url", default=os.environ.get("LEAT_TEST_ELASTICSEARCH_URL", "http://127.0.0.1:9200/"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        apart(prepare, folder, given.documents)
        documents = encoded(given.documents)
        found: dict[str, list[Measured]] = {"streaming_bulk": [], "step": []}
        for _ in range(given.rounds):
            found["streaming_bulk"].append(measure_here(lambda: asyncio.run(loop(documents, given.url))))
            found["step"].append(measure_here(lambda: asyncio.run(step(folder, given.url, given.documents))))
        ratio = show(found, given.documents)["step"]
        tell("elasticsearch", Ratio(1 / ratio.seconds, 1 / ratio.processor))
        ratios = sorted(theirs.seconds / ours.seconds for theirs, ours in zip(*found.values(), strict=True))
        print("ratio, round by round:", ", ".join(f"{ratio:.2f}" for ratio in ratios))


if __name__ == "__main__":
    main()
