"""The heavy step of InspectSource: one pass over a collection, and a collection with what it found."""

from typing import Any

from domain.canonical import document
from domain.data.inspection import Inspection
from domain.data.suggestions import describe
from domain.hub import Stores
from workers.context import Report


async def inspect(stores: Stores, arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Look at every document of `collection`; store a document per path in `output`, sealed with `meta` and the summary
    (documents, mapping, schema, warnings). Returns documents, paths, warnings (their number) and the suggested mapping."""
    collection, output = arguments["collection"], arguments["output"]
    total = (await stores.documents.describe(collection)).count
    inspection = Inspection()
    async for batch in stores.documents.scan(collection):
        inspection.add([each.body for each in batch])
        report.progress(inspection.documents, total, "documents", f"inspecting {arguments['part']}")
    rows, summary = describe(inspection)
    await stores.documents.create(output)
    await stores.documents.write(output, [document(row) for row in rows])
    await stores.documents.seal(output, arguments["meta"] | summary)
    return {
        "documents": inspection.documents,
        "paths": len(rows),
        "warnings": len(summary["warnings"]),
        "mapping": summary["mapping"],
    }
