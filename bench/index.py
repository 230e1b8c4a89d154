"""The feed step beside bare tantivy with the same schema: read, flatten, add, commit, both into the same kind of folder.

    .venv/bin/python -m bench.index [--documents 150000] [--rounds 3]

Target: within 1.0 times the bare loop, which is given the same typed values, flattens in the plainest way, checks nothing and folds
no words.
"""

import argparse
import asyncio
import shutil
import sqlite3
import tempfile
from collections import defaultdict
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import msgspec
import orjson

from adapters.tantivy.floats import code_of_float
from adapters.tantivy.schema import ID, PATHS, RANK, build_schema, largest, least, open_index
from bench import variants
from bench.merge import Silent
from bench.processes import Measured, address, apart, measure_here, measure_step, show
from bench.results import tell
from domain.ports.search import IndexSpec
from domain.query.plan import Fields
from leat.adapters import open_stores
from workers.index.feed import feed

SPEC = IndexSpec(mapping=variants.MAPPING, collection=variants.A)
HEAP = 40_000_000
DATE, SCORE = "cgi.associations.date", "cgi.associations.score"


def arguments(number: int) -> dict[str, Any]:
    """What the step is asked."""
    return {"output": f"00000000-0000-4000-8000-{number:012}.1", "spec": msgspec.to_builtins(SPEC)}


async def step(folder: Path, number: int) -> None:
    """The step in this process."""
    async with open_stores(address(folder)) as stores:
        await feed(stores, arguments(number), Silent())


@lru_cache(None)
def milliseconds(date: str) -> int:
    """A date as our schema keeps it."""
    return int(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp() * 1000)


def typed(value: Any, path: str) -> Any:
    """A value as our schema keeps it."""
    if path == SCORE:
        return code_of_float(value)
    return milliseconds(value) if path == DATE else value


def walk(value: Any, path: str, found: dict[str, list[Any]]) -> None:
    """Values by dotted path."""
    if isinstance(value, dict):
        for key, item in value.items():
            walk(item, f"{path}.{key}" if path else key, found)
    elif isinstance(value, list):
        for item in value:
            walk(item, path, found)
    else:
        found[path].append(typed(value, path))


def bare(folder: Path) -> None:
    """A loop that does the same with nothing in between."""
    target = folder / "bare"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    fields = Fields(variants.MAPPING)
    writer = open_index(str(target), build_schema(fields)).writer(heap_size=HEAP, num_threads=1)
    types = {path: field.type for path, field in fields.indexed.items()}
    connection = sqlite3.connect(f"file:{folder}/documents/{variants.A}.sqlite?mode=ro&immutable=1", uri=True)
    for number, (id, body) in enumerate(connection.execute("SELECT id, body FROM documents ORDER BY id")):
        found: dict[str, list[Any]] = defaultdict(list)
        walk(orjson.loads(body), "", found)
        for path, values in list(found.items()):
            if len(values) > 1 and types.get(path, "text") != "text":
                found[least(path)], found[largest(path)] = [min(values)], [max(values)]
        writer.add_json(orjson.dumps({**found, ID: [id], RANK: [number], PATHS: list(found)}).decode())
    writer.commit()
    writer.wait_merging_threads()
    connection.close()


def prepare(folder: Path, count: int) -> None:
    """Store the documents of this bench."""
    asyncio.run(store(folder, count))


async def store(folder: Path, count: int) -> None:
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
        apart(prepare, folder, given.documents)
        found: dict[str, list[Measured]] = {"bare": [], "step": [], "process": []}
        for number in range(given.rounds):
            found["bare"].append(measure_here(lambda: bare(folder)))
            found["step"].append(measure_here(partial(asyncio.run, step(folder, 2 * number))))
            found["process"].append(measure_step("feed", folder, arguments(2 * number + 1)))
        tell("index", show(found, given.documents)["step"])


if __name__ == "__main__":
    main()
