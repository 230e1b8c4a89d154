"""One document per prefix."""

import json
import os


def load_data(data_folder):
    """Documents {_id: prefix, bioregistry: {…}}; the prefix's ids in other registries are `bioregistry.xref.<registry>`."""
    with open(os.path.join(data_folder, "registry.ndjson"), encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            prefix = record.pop("prefix")
            mappings = record.pop("mappings", {})
            if mappings:
                record["xref"] = {registry.replace(".", "_"): value for registry, value in mappings.items()}
            record.setdefault("deprecated", False)
            yield {"_id": prefix, "bioregistry": record}
