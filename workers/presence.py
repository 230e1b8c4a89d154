"""Whether what a record names is still in its store: a hub that was restored may lack some of it, which is then made again."""

from collections.abc import Iterable

from domain.errors import NotReady
from domain.wording import listed
from workers.context import JobContext


async def has_collections(names: Iterable[str], context: JobContext) -> bool:
    """Whether all of them are there; the job's log says which are not."""
    there = set(await context.hub.documents.names())
    return await _none_of([name for name in names if name not in there], "documents", context)


async def has_files(paths: Iterable[str], context: JobContext) -> bool:
    """Whether all of them are there, below a common folder each; the job's log says which are not."""
    there: set[str] = set()
    wanted = list(paths)
    for folder in {path.rpartition("/")[0] for path in wanted}:
        there.update(file.path for file in await context.hub.files.find(folder))
    return await _none_of([path for path in wanted if path not in there], "files", context)


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
