"""Whether what a record names is still in its store: a hub that was restored may lack some of it, which is then made again."""

from collections.abc import Iterable

from domain.errors import NotReady
from domain.ports.documents import Documents, Sealed
from domain.wording import listed
from workers.context import JobContext


async def find_collection(name: str, documents: Documents) -> Sealed | None:
    """What is known of the collection. None where it is gone, or not sealed, or has a description and no documents: such is a
    collection on a server that was copied while the hub ran."""
    try:
        sealed = await documents.describe(name)
        async for _ in documents.scan(name, bodies=False, batch=1):
            break
    except NotReady:
        return None
    return sealed


async def has_collections(names: Iterable[str], context: JobContext) -> bool:
    """Whether all of them are there, and whole; the job's log says which are not."""
    gone = [name for name in names if await find_collection(name, context.hub.documents) is None]
    return await _none_of(gone, "documents", context)


async def has_files(folder: str, names: Iterable[str], context: JobContext) -> bool:
    """Whether all of them are there below the folder; the job's log says which are not."""
    there = {file.path for file in await context.hub.files.find(folder)}
    return await _none_of([path for name in names if (path := f"{folder}/{name}") not in there], "files", context)


async def has_index(name: str, context: JobContext) -> bool:
    """Whether it is there, and whole; the job's log says so where it is not."""
    try:
        await context.hub.search.describe(name)
    except NotReady:
        return await _none_of([name], "search engine", context)
    return True


async def _none_of(gone: list[str], store: str, context: JobContext) -> bool:
    if gone:
        await context.log(f"gone from the {store}, so it is made again: {listed(gone, 5)}", "warning")
    return not gone
