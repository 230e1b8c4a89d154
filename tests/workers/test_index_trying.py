"""ValidateMapping: what is found and lost of each path."""

from pathlib import Path
from typing import Any

import msgspec

from domain.data.sources import SOURCES, set_mapping
from events.apis import Tried, ValidateMapping
from tests.workers.desk import HandJob, open_desk
from tests.workers.uploads import add_source, upload
from workers.index.validate import validate_mapping


async def test_each_path_says_how_many_documents_have_it_and_are_found(tmp_path: Path) -> None:
    """Documents that are refused and paths that are not mapped are lost; nulls, empty lists and what is only kept are not."""
    documents: list[dict[str, Any]] = [
        {"_id": "1", "name": "ash", "size": 3, "leaf": [{"colour": "green"}, {"colour": None}], "raw": {"x": 1}},
        {"_id": "2", "name": "oak", "size": "tall", "leaf": {"colour": ["red", "brown"]}},
        {"_id": "3", "name": None, "size": [], "age": 90},
    ]
    mapping = {
        "name": {"type": "keyword"},
        "size": {"type": "integer"},
        "leaf": {"properties": {"colour": {"type": "text"}}},
        "raw": {"type": "object", "enabled": False},
        "height": {"type": "float"},
    }
    async with open_desk(tmp_path) as hub:
        await add_source(hub, "trees")
        await upload(hub, "trees", documents, mapping)

        event = await validate_mapping(ValidateMapping(source="trees"), HandJob(hub))

        assert [msgspec.structs.astuple(each) for each in event.paths] == [
            ("trees", "age", 1, 0, ""),
            ("trees", "leaf.colour", 2, 1, "text"),
            ("trees", "name", 2, 1, "keyword"),
            ("trees", "size", 2, 1, "integer"),
            ("trees", "height", 0, 0, "float"),
        ]
        assert len(event.problems) == 1
        assert event.problems[0].startswith("trees: 2: size")


async def test_a_draft_is_tried_in_place_of_what_is_committed(tmp_path: Path) -> None:
    """Where it is asked for; what is committed stays."""
    committed = {"name": {"type": "keyword"}}
    async with open_desk(tmp_path) as hub:
        await add_source(hub, "trees")
        await upload(hub, "trees", [{"_id": "1", "name": "ash"}], committed)
        await set_mapping(hub, "trees", "trees", {"mappings": {"properties": {"name": {"type": "text"}}}}, draft=True)

        plain = await validate_mapping(ValidateMapping(source="trees"), HandJob(hub))
        drafted = await validate_mapping(ValidateMapping(source="trees", draft=True), HandJob(hub))

        assert plain.paths == (Tried(part="trees", path="name", documents=1, found=1, type="keyword"),)
        assert drafted.paths == (Tried(part="trees", path="name", documents=1, found=1, type="text"),)
        assert (await SOURCES.get(hub.records, "trees")).value.mapping["trees"] == committed
