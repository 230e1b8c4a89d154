"""What parsers return, as one stream of documents."""

import importlib
import inspect
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping
from typing import Any


class ResultRefused(Exception):
    """A parser returned what can't be read as documents."""


def documents(result: Any) -> Iterable[Any]:
    """The documents of a generator, list or other iterable, of a dict id → document, of an asynchronous generator, or of a
    coroutine that returns one of those."""
    if inspect.iscoroutine(result):
        return documents(_awaited(result))
    if hasattr(result, "__aiter__"):
        return _collected(result)
    if isinstance(result, Mapping):
        return _keyed(result)
    if isinstance(result, str | bytes) or not isinstance(result, Iterable):
        raise ResultRefused(f"the parser returned {type(result).__name__}, no documents; it should yield dicts with an `_id`")
    return result


def _awaited(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return _asyncio().run(coroutine)


def _asyncio() -> Any:
    return importlib.import_module("asyncio")  # a quarter of the process's start, and hardly ever needed


def _collected(stream: AsyncIterator[Any]) -> Iterator[Any]:
    with _asyncio().Runner() as runner:
        iterator = aiter(stream)
        while True:
            try:
                yield runner.run(_next(iterator))
            except StopAsyncIteration:
                return


async def _next(iterator: AsyncIterator[Any]) -> Any:
    return await anext(iterator)


def _keyed(result: Mapping[Any, Any]) -> Iterator[Any]:
    for id, document in result.items():
        if isinstance(document, dict):
            document["_id"] = id
        elif document:
            raise ResultRefused(f"the parser returned a dict whose value for {id!r} is no document but {type(document).__name__}")
        yield document
