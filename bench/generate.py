"""Generated input for ingestion: a table of variants and what is known of them, several rows for a quarter of the ids."""

import random
from collections.abc import Iterator
from pathlib import Path

COLUMNS = ["chrom", "pos", "ref", "alt", "rsid", "gene", "gene_id"]
COLUMNS += ["drug", "disease", "significance", "score", "pmids", "date", "description"]
BASES = "ACGT"
LEVELS = ("resistant", "responsive", "pathogenic", "benign", "likely_benign", "uncertain_significance")
WORDS = [
    f"{start}{middle}{end}"
    for start in ("re", "con", "pro", "in")
    for middle in ("sist", "duct", "vert")
    for end in ("ance", "ed", "ion")
]


def variants(count: int) -> Iterator[tuple[str, ...]]:
    """Rows of about four thirds of `count`, those of one variant beside each other; always the same."""
    chance = random.Random(11)
    for position in chance.sample(range(10_000, 240_000_000), count):
        ref, alt = chance.sample(BASES, 2)
        gene = chance.randrange(18_000)
        rsid = f"rs{chance.randrange(10**6, 10**9)}" if chance.random() < 0.8 else ""
        known = (str(chance.randrange(1, 23)), str(position), ref, alt, rsid, f"GENE{gene}", str(1000 + gene))
        for _ in range(1 + (chance.random() < 0.25) + (chance.random() < 0.08)):
            yield known + _association(chance)


def _association(chance: random.Random) -> tuple[str, ...]:
    pmids = ";".join(str(chance.randrange(10**7, 4 * 10**7)) for _ in range(chance.randrange(4)))
    date = f"{chance.randrange(2005, 2024)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
    text = " ".join(chance.choices(WORDS, k=chance.randrange(12, 40)))
    return (
        f"drug{chance.randrange(18)}",
        f"disease of kind {chance.randrange(15)}",
        chance.choice(LEVELS),
        f"{chance.random():.4f}",
        pmids,
        date,
        text,
    )


def write_table(path: Path, count: int, *, shuffled: bool = False) -> int:
    """Write the table of `count` variants; returns its rows."""
    rows = ["\t".join(row) for row in variants(count)]
    if shuffled:
        random.Random(12).shuffle(rows)
    path.write_text("\n".join(["\t".join(COLUMNS), *rows]) + "\n")
    return len(rows)
