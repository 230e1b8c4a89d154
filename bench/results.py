"""What the benchmarks have to reach, and how they tell what they reached: `python -m bench` makes one table of it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

ROWS = "LEAT_BENCH_ROWS"
"""Environment variable: the file that rows are added to."""


class Target(NamedTuple):
    """A figure that is to be reached."""

    bench: str
    """The module that measures it."""
    title: str
    limit: float
    least: bool = True
    """Whether the limit is the least that will do, or the most."""
    unit: str = "x"

    @property
    def wanted(self) -> str:
        """In words."""
        return f"{'≥' if self.least else '≤'} {self.limit:g} {self.unit}"

    def reached_by(self, figure: float) -> bool:
        """Whether the figure will do."""
        return figure >= self.limit if self.least else figure <= self.limit


class Ratio(NamedTuple):
    """How two sides compare."""

    seconds: float
    processor: float
    """In processor time, which a busy machine changes least."""


TARGETS = {
    "start-up": Target("startup", "`leat --help`, share of `biothings-cli --help`", 0.33, least=False),
    "upload": Target("ingest", "upload, documents/s beside `biothings-cli dataplugin upload`", 2.5),
    "merge duplicates": Target("ingest", "upload that merges shuffled duplicates, beside the same", 10),
    "hpo diseases": Target("hpo", "upload of HPO's phenotype.hpoa, a document a disease, beside the same", 2.5),
    "hpo phenotypes": Target("hpo", "upload of HPO's phenotype_to_genes.txt, a document a phenotype, beside the same", 2.5),
    "inspect": Target("inspection", "inspection beside `dataplugin inspect -m type,stats`", 10),
    "inspect mapping": Target("inspection", "inspection beside `dataplugin inspect -m mapping`", 2),
    "inspect memory": Target("inspection", "inspection, peak memory", 150, least=False, unit="MB"),
    "merge": Target("merge", "merge of two collections, time beside a bare merge-join", 1.5, least=False),
    "index": Target("index", "indexing, time beside bare tantivy", 1.0, least=False),
    "by id": Target("serve", "GET by id, processor time beside `dataplugin serve`", 5),
    "field query": Target("serve", "field query, processor time beside `dataplugin serve`", 100),
    "answering: GraphQL p99": Target("answering", "small GraphQL query while the hub works, p99", 100, least=False, unit="ms"),
    "answering: by id p99": Target("answering", "GET by id while the hub works, p99", 50, least=False, unit="ms"),
    "jobs": Target("jobs", "whole jobs on the embedded hub, 64 slots, durable", 1000, unit="/s"),
    "running p50": Target("jobs", "asked → RUNNING seen, p50", 15, least=False, unit="ms"),
    "running p99": Target("jobs", "asked → RUNNING seen, p99", 60, least=False, unit="ms"),
    "idle": Target("idle", "an idle process (gateway, workers, reaper), reads of the records", 1, least=False, unit="/s"),
    "bus publish": Target("bus", "RabbitMQ: published with confirms, beside plain aio-pika", 0.9),
    "bus consume": Target("bus", "RabbitMQ: consumed with acknowledgements, beside plain aio-pika", 0.9),
    "whole jobs": Target("whole_jobs", "whole jobs on RabbitMQ and MongoDB beside a bare loop of the same calls", 0.7),
    "elasticsearch": Target("elasticsearch", "indexing into Elasticsearch, documents/s beside `async_streaming_bulk`", 0.8),
}


class Row(NamedTuple):
    """What was told."""

    name: str
    figure: float
    processor: float | None
    """The same ratio in processor time, where it is one of wall time."""


def tell(name: str, reached: float | Ratio) -> None:
    """Say what was reached; `python -m bench` hears it too."""
    row = Row(name, *reached) if isinstance(reached, Ratio) else Row(name, reached, None)
    print(sentence(row), flush=True)
    if file := os.environ.get(ROWS):
        with Path(file).open("ab") as rows:
            rows.write(orjson.dumps([*row]) + b"\n")  # orjson takes no subclass of a tuple


def sentence(row: Row) -> str:
    """Target and figure in words."""
    target = TARGETS[row.name]
    processor = f", {row.processor:.2f} in processor time" if row.processor is not None else ""
    missed = "" if target.reached_by(row.figure) else ", MISSED"
    return f"{target.title}: {row.figure:.3g} {target.unit}{processor} (target {target.wanted}{missed})"


def table(rows: Sequence[Row]) -> str:
    """All of it, as Markdown."""
    lines = ["| what | target | reached | in processor time | |", "|---|---|---|---|---|"]
    for row in rows:
        target = TARGETS[row.name]
        processor = f"{row.processor:.2f} x" if row.processor is not None else ""
        well = "" if target.reached_by(row.figure) else "missed"
        lines.append(f"| {target.title} | {target.wanted} | {row.figure:.3g} {target.unit} | {processor} | {well} |")
    return "\n".join(lines)


def read(file: Path) -> list[Row]:
    """What was told to a file."""
    return [Row(*orjson.loads(line)) for line in file.read_bytes().splitlines()] if file.exists() else []
