"""How long queries take on the embedded engine, through the port and with their documents.

.venv/bin/python -m bench.search [--documents 150000] [--times 200]
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench import variants
from bench.merge import Silent
from bench.processes import address
from domain.ports.search import IndexSpec, SearchRequest, Sort
from domain.query.parser import parse
from leat.adapters import open_stores
from workers.index.feed import feed

INDEX = "00000000-0000-4000-8000-000000000001.1"
SPEC = IndexSpec(mapping=variants.MAPPING, collection=variants.A)
ROW = "{:22} {:>9} hits   p50 {:7.2f} ms   p99 {:7.2f} ms"

Make = Callable[[random.Random], SearchRequest]


def asked(text: Callable[[random.Random], str], **more: object) -> Make:
    """Requests with a text that changes."""
    return lambda chance: SearchRequest(query=parse(text(chance)), **more)  # type: ignore[arg-type]  # as the caller has them


QUERIES: dict[str, Make] = {
    "term": asked(lambda chance: f"cgi.gene:gene{chance.randrange(18_000)}"),
    "terms and not": asked(
        lambda chance: f"cgi.associations.drug:drug{chance.randrange(18)} AND NOT variant.chrom:{chance.randrange(1, 23)}"
    ),
    "two words": asked(lambda chance: f"cgi.associations.description:({' '.join(chance.choices(variants.WORDS, k=2))})"),
    "phrase": asked(lambda chance: 'cgi.associations.description:"{} {}"'.format(*chance.choices(variants.WORDS, k=2))),
    "range": asked(lambda chance: f"variant.pos:[{(start := chance.randrange(10**8))} TO {start + 10**6}]"),
    "wildcard": asked(lambda chance: f"cgi.gene:*{chance.randrange(1000)}"),
    "sorted by two": asked(lambda _: "*", sort=(Sort(path="variant.chrom"), Sort(path="variant.pos", descending=True))),
    "sorted, page at 10 000": asked(lambda _: "*", sort=(Sort(path="variant.pos"),), offset=10_000),
    "facet over all": asked(lambda _: "*", limit=0, facets=("cgi.associations.drug",)),
}


async def run(folder: Path, documents: int, times: int) -> None:
    """Fill an index and ask."""
    async with open_stores(address(folder)) as stores:
        await variants.store(stores, variants.A, variants.associations(documents))
        await feed(stores, {"output": INDEX, "spec": msgspec.to_builtins(SPEC)}, Silent())
        for name, make in QUERIES.items():
            chance, taken, hits = random.Random(5), [], 0
            for _ in range(times):
                request = make(chance)
                begun = time.perf_counter()
                hits += (await stores.search.search(INDEX, request)).total
                taken.append((time.perf_counter() - begun) * 1000)
            print(ROW.format(name, round(hits / times), statistics.median(taken), statistics.quantiles(taken, n=100)[98]))


def main() -> None:
    """Print a line for each kind of query."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=150_000)
    parser.add_argument("--times", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(run(Path(name), given.documents, given.times))


if __name__ == "__main__":
    main()
