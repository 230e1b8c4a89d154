"""What schemathesis can't know of a schema: which texts are queries, and which are the scrolls of an API."""

import msgspec
import schemathesis
from hypothesis import strategies as st

from gateway.rest.scroll import Scroll

WORD = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8).filter(lambda word: word not in ("AND", "OR", "NOT"))
FORMS = (
    "{}",
    '"{} x"~2',
    "symbol:{}*",
    "symbol:{}~1",
    "name:({0} OR {0}^2)",
    "taxid:[1 TO *] -{}",
    "nothing:{}",
    "_exists_:{}",
    "/{}.?/",
)
SCROLL = Scroll(index="00000000-0000-4000-8000-000000000001.1", q="*", filter=None, post_filter="", total=4, after="1017")

schemathesis.openapi.format("lucene", st.builds(str.format, st.sampled_from(FORMS), WORD))
schemathesis.openapi.format("scroll", st.sampled_from(("", SCROLL.encode(), msgspec.structs.replace(SCROLL, after="").encode())))


@schemathesis.deserializer("application/x-msgpack")
def unpacked(_: object, response: schemathesis.Response) -> object:
    """What is written in MessagePack, to be held against its schema too."""
    return msgspec.msgpack.decode(response.content)


@schemathesis.hook
def filter_case(_: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """A scroll's id says all: what stands beside it is passed over, which a schema can't say."""
    query = case.query or {}
    return len(query) == 1 or not query.get("scroll_id")
