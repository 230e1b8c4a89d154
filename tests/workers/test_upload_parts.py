"""Sources of several parts, one of which fails."""

import json
from typing import Any

import pytest

from domain.errors import JobFailed
from events.sources import SourceUploaded
from tests.workers.test_upload import LINES, Place, place

__all__ = ["place"]

PARSERS = (
    LINES
    + """
def load_odd(folder):
    for document in load_data(folder):
        yield {"_id": document["_id"], "odd": 10 // document["n"]}

def load_even(folder):
    yield {"_id": "e"}
"""
)
NAMES = ("plain", "odd", "even")


def three(**changes: Any) -> dict[str, str]:
    """A plugin of three uploaders."""
    entries = [{"name": name, "parser": f"parser:load_{name if name != 'plain' else 'data'}"} for name in NAMES]
    manifest = {"dumper": {"data_url": "https://example.org/x"}, "uploaders": entries, **changes}
    return {"manifest.json": json.dumps(manifest), "parser.py": PARSERS}


async def test_a_part_that_fails_does_not_discard_the_others(place: Place) -> None:
    """The others become current, the one that failed stays as it was; the event says why, and the next upload tries all anew."""
    await place.plugin(three())
    await place.dump([{"_id": "a", "n": 5}])
    first = await place.upload()
    await place.dump([{"_id": "b", "n": 0}], "r2")

    second = await place.upload()

    assert await place.stored("plain") == [{"_id": "b", "n": 0}]
    assert await place.stored("odd") == [{"_id": "a", "odd": 2}]
    assert second.parts["odd"] == first.parts["odd"]
    assert list(second.parts) == list(NAMES)
    assert second.failure is not None
    assert "part odd: ZeroDivisionError" in second.failure.message
    assert second.failure.message.endswith("stored nevertheless: even, plain")
    assert "parser.py" in second.failure.detail
    assert set(second.needed()) == {first.output, second.output}
    again = await place.upload()
    assert (again.unchanged, list(again.failed)) == (False, ["odd"])
    there = await place.hub.documents.names()
    assert not [name for name in there if name.startswith((second.output, again.output)) and name.endswith("odd")]


async def test_a_first_upload_has_the_parts_that_went_well(place: Place) -> None:
    """A part that was never there is not listed."""
    await place.plugin(three())
    await place.dump([{"_id": "b", "n": 0}])

    uploaded = await place.upload()

    assert list(uploaded.parts) == ["plain", "even"]
    assert (await place.source()).newest(SourceUploaded) == uploaded


async def test_nothing_is_switched_where_every_part_fails(place: Place) -> None:
    """Then the job fails as one of a single part does."""
    await place.plugin(three() | {"parser.py": "def load_data(folder):\n    1 / 0\nload_odd = load_even = load_data"})
    await place.dump([{"_id": "b", "n": 0}])

    with pytest.raises(JobFailed, match="ZeroDivisionError"):
        await place.upload()

    assert (await place.source()).newest(SourceUploaded) is None
