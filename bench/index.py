"""The feed step beside bare tantivy with the same schema: read, flatten, add, commit, both into the same kind of folder.

    .venv/bin/python -m bench.index [--documents 150000] [--rounds 3]

Target: within 1.3 times the bare loop, which flattens in the plainest way and keeps nothing for sorting, facets or `_exists_`.
"""

import argparse
import asyncio
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import orjson
import tantivy

from bench import variants
from bench.merge import Silent
from bench.processes import address, measure_step
from domain.mappings import flatten
from domain.ports import IndexSpec
from leat.adapters import open_stores
from workers.index.feed import feed

SPEC = IndexSpec(mapping=variants.MAPPING, collection=variants.A)
HEAP = 128 * 2**20


def arguments(number: int) -> dict[str, Any]:
    """What the step is asked."""
    return {"output": f"00000000-0000-4000-8000-{number:012}.1", "spec": msgspec.to_builtins(SPEC)}


async def step(folder: Path, number: int) -> float:
    """Seconds of the step in this process."""
    async with open_stores(address(folder)) as stores:
        begun = time.perf_counter()
        await feed(stores, arguments(number), Silent())
        return time.perf_counter() - begun


def schema() -> tantivy.Schema:
    """A typed field per path."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("_id", stored=True, tokenizer_name="raw", index_option="basic")
    for field in flatten(variants.MAPPING):
        match field.type:
            case "text":
                builder.add_text_field(field.path, index_option="position")
            case "keyword":
                builder.add_text_field(field.path, fast=True, tokenizer_name="raw", index_option="basic")
            case "date":
                builder.add_date_field(field.path, indexed=True, fast=True)
            case "float":
                builder.add_float_field(field.path, indexed=True, fast=True)
            case _:
                builder.add_integer_field(field.path, indexed=True, fast=True)
    return builder.build()


def walk(value: Any, path: str, found: dict[str, list[Any]]) -> None:
    """Values by dotted path."""
    if isinstance(value, dict):
        for key, item in value.items():
            walk(item, f"{path}.{key}" if path else key, found)
    elif isinstance(value, list):
        for item in value:
            walk(item, path, found)
    else:
        found[path].append(f"{value}T00:00:00Z" if path == "cgi.associations.date" else value)


def bare(folder: Path) -> float:
    """Seconds of a loop that does the same with nothing in between."""
    target = folder / "bare"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    begun = time.perf_counter()
    writer = tantivy.Index(schema(), path=str(target)).writer(heap_size=HEAP, num_threads=1)
    connection = sqlite3.connect(f"file:{folder}/documents/{variants.A}.sqlite?mode=ro&immutable=1", uri=True)
    for (body,) in connection.execute("SELECT body FROM documents ORDER BY id"):
        found: dict[str, list[Any]] = defaultdict(list)
        walk(orjson.loads(body), "", found)
        writer.add_json(orjson.dumps(found).decode())
    writer.commit()
    writer.wait_merging_threads()
    connection.close()
    return time.perf_counter() - begun


async def prepare(folder: Path, count: int) -> None:
    """Store the documents."""
    async with open_stores(address(folder)) as stores:
        await variants.store(stores, variants.A, variants.associations(count))


def main() -> None:
    """Print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=150_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(prepare(folder, given.documents))
        found: dict[str, list[float]] = {"bare": [], "step": [], "process": []}
        memory = 0.0
        for number in range(given.rounds):
            found["bare"].append(bare(folder))
            found["step"].append(asyncio.run(step(folder, 2 * number)))
            measured = measure_step("feed", folder, arguments(2 * number + 1))
            found["process"].append(measured.seconds)
            memory = max(memory, measured.memory)
        medians = {side: statistics.median(each) for side, each in found.items()}
        for side, seconds in medians.items():
            rate = given.documents / seconds
            print(f"{side:8} {seconds:6.2f} s  {rate:9,.0f} documents/s  x {seconds / medians['bare']:.2f}")
        print(f"peak memory of the process: {memory:.0f} MB")


if __name__ == "__main__":
    main()
