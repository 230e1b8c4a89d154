"""Makes the data of both examples from an unpacked `bioregistry` wheel: `python trim.py FOLDER`.

Only what is CC0 is taken: the Bioregistry's own, curated fields (not the blocks copied from other registries), its mappings, and
Wikidata's property records. People's names and addresses are left out.
"""

import csv
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
CURATED = (
    "name", "description", "homepage", "pattern", "example", "uri_format", "license", "keywords", "synonyms", "domain",
    "deprecated", "repository", "publications", "preferred_prefix", "part_of", "download_owl", "download_obo", "download_json", "mappings",
)  # fmt: skip
COLUMNS = ("property", "prefix", "name", "description", "homepage", "pattern", "uri_format", "item", "examples")


def trim(package: Path) -> None:
    """Write bioregistry/data/registry.ndjson and wikidata_properties/data/properties.tsv."""
    registry = json.loads((package / "bioregistry/data/bioregistry.json").read_text())
    properties = json.loads((package / "bioregistry/external/wikidata/processed.json").read_text())
    prefixes = {
        record["mappings"]["wikidata.property"]: prefix
        for prefix, record in registry.items()
        if record.get("mappings", {}).get("wikidata.property") in properties
    }
    with (HERE / "bioregistry/data/registry.ndjson").open("w") as file:
        for prefix, record in sorted(registry.items()):
            if "name" in record or prefix in prefixes.values():
                kept = {"prefix": prefix} | {field: record[field] for field in CURATED if field in record}
                file.write(json.dumps(kept, ensure_ascii=False) + "\n")
    with (HERE / "wikidata_properties/data/properties.tsv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n", extrasaction="ignore", restval="")
        writer.writeheader()
        for key, record in sorted(properties.items(), key=lambda pair: int(pair[0][1:])):
            item = record.get("xrefs", {}).get("wikidata", "")
            examples = "|".join(record.get("examples", ()))
            row = record | {"property": key, "prefix": prefixes.get(key, ""), "item": item, "examples": examples}
            writer.writerow({column: str(row.get(column, "")).replace("\t", " ").replace("\n", " ") for column in COLUMNS})


if __name__ == "__main__":
    trim(Path(sys.argv[1]))
