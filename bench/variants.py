"""Two generated sources that share four fifths of their ids: documents of about 700 and 300 bytes, always the same."""

import random
from collections.abc import Iterator
from typing import Any

from domain.canonical import document
from domain.hub import Stores

A, B = "00000000-0000-4000-8000-00000000000a.1.a", "00000000-0000-4000-8000-00000000000b.1.b"
MAPPING: dict[str, Any] = {
    "variant": {
        "properties": {
            **{name: {"type": "keyword", "normalizer": "keyword_lowercase_normalizer"} for name in ("chrom", "ref", "alt", "rsid")},
            "pos": {"type": "integer"},
        }
    },
    "cgi": {
        "properties": {
            "gene": {"type": "keyword", "normalizer": "keyword_lowercase_normalizer"},
            "gene_id": {"type": "integer"},
            "associations": {
                "properties": {
                    **{
                        name: {"type": "keyword", "normalizer": "keyword_lowercase_normalizer"}
                        for name in ("drug", "disease", "significance")
                    },
                    "score": {"type": "float"},
                    "date": {"type": "date"},
                    "pmids": {"type": "integer"},
                    "description": {"type": "text"},
                }
            },
        }
    },
}
DRUGS = [f"drug{number}" for number in range(18)]
DISEASES = [f"disease of kind {number}" for number in range(15)]
SIGNIFICANCES = ["resistant", "responsive", "pathogenic", "benign", "likely benign", "uncertain"]
WORDS = [f"w{number:05}"[: 3 + number % 6] + "ation"[: number % 5] for number in range(400)]


def _ids(count: int) -> list[tuple[str, int]]:
    chance = random.Random(1)
    return [(str(chance.randrange(1, 23)), position) for position in chance.sample(range(10_000, 240_000_000), count * 6 // 5)]


def _association(chance: random.Random) -> dict[str, Any]:
    return {
        "drug": chance.choice(DRUGS),
        "disease": chance.choice(DISEASES),
        "significance": chance.choice(SIGNIFICANCES),
        "score": round(chance.random(), 4),
        "date": f"{chance.randrange(2005, 2024)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}",
        "pmids": [chance.randrange(10**7, 4 * 10**7) for _ in range(chance.randrange(1, 4))],
        "description": " ".join(chance.choices(WORDS, k=chance.randrange(12, 40))),
    }


def associations(count: int) -> Iterator[dict[str, Any]]:
    """Source A, in no order."""
    chance = random.Random(2)
    for chrom, position in _ids(count)[:count]:
        gene = chance.randrange(18_000)
        yield {
            "_id": f"chr{chrom}:g.{position}A>G",
            "variant": {"chrom": chrom, "pos": position, "ref": "A", "alt": "G", "rsid": f"rs{chance.randrange(10**6, 10**9)}"},
            "cgi": {
                "gene": f"GENE{gene}",
                "gene_id": gene,
                "associations": [_association(chance) for _ in range(1 + (chance.random() < 0.3))],
            },
        }


def accessions(count: int) -> Iterator[dict[str, Any]]:
    """Source B, in no order."""
    chance = random.Random(3)
    for chrom, position in _ids(count)[-count:]:
        yield {
            "_id": f"chr{chrom}:g.{position}A>G",
            "variant": {"chrom": chrom, "pos": position, "type": "snv", "assembly": "hg19"},
            "clinvar": {"accession": f"RCV{chance.randrange(10**8):09}", "significance": chance.choice(SIGNIFICANCES)},
            "gnomad": {"af": round(chance.random() ** 4, 6), "ac": chance.randrange(1000), "an": chance.randrange(1000, 200_000)},
        }


async def store(stores: Stores, name: str, documents: Iterator[dict[str, Any]]) -> None:
    """Write and seal a collection."""
    await stores.documents.create(name)
    batch = []
    for each in documents:
        batch.append(document(each))
        if len(batch) == 2000:
            await stores.documents.write(name, batch)
            batch = []
    await stores.documents.write(name, batch)
    await stores.documents.seal(name, {})
