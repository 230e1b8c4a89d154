"""One document per Wikidata property, under the Bioregistry's prefix where it has one."""

import csv
import os


def load_data(data_folder):
    """Documents {_id: prefix or wikidata.property:P…, wikidata: {…}}."""
    with open(os.path.join(data_folder, "properties.tsv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            prefix = row.pop("prefix")
            document = {key: value for key, value in row.items() if value}
            if row["examples"]:
                document["examples"] = row["examples"].split("|")
            document["number"] = int(row["property"][1:])
            yield {"_id": prefix or f"wikidata.property:{row['property']}", "wikidata": document}
