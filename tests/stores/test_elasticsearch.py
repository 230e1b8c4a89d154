"""What only Elasticsearch does, or what only it can be done to."""

import re
import secrets

from domain.ports import IndexSpec
from stores.elasticsearch_search import ElasticsearchSearch
from tests.faults.proxy import Cable, Trap
from tests.services import need
from tests.stores.places import document

WRITES = (
    rb"^DELETE /[^_]",
    rb"^PUT /[^/ ]+ HTTP",
    rb"/_bulk",
    rb"/_refresh",
    rb"/_flush",
    rb"/_settings",
    rb"/_mapping ",
    rb"/_aliases",
)


async def test_lost_answers() -> None:
    """Whatever is written, the driver sends again where the answer was lost with the connection, and it is as if sent once."""
    hub, cable = f"t{secrets.token_hex(4)}", Cable(need("elasticsearch"))
    await cable.plug_in()
    traps = [Trap(re.compile(pattern), answered=True) for pattern in WRITES]
    for trap in traps:
        cable.set(trap)
    async with ElasticsearchSearch.open(cable.url, hub) as search:
        await search.create("a", IndexSpec(mapping={"name": {"type": "keyword"}}, collection="a"))
        await search.bulk("a", [document("1", name="x"), document("2", name="y")])
        assert await search.seal("a") == 2
        await search.publish("alias", "a")
        again = Trap(re.compile(rb"/_aliases"), answered=True)
        cable.set(again)
        await search.publish("alias", None)
        await search.drop("a")
        assert await search.names() == []
    assert [trap.pattern for trap in (*traps, again) if not trap.sprung] == []
    await cable.close()
