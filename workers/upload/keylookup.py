"""Converts the ids of documents on their way into the store, by asking an API as a manifest's `keylookup` says."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
from yarl import URL

from domain.data.keylookup import Field, KeyLookup
from domain.errors import JobFailed, Unavailable
from domain.hub import Limits
from domain.masking import masked
from domain.reach import NETWORKS, OutOfReach, check_literal
from workers.dump.connection import open_session, proxy_for, trust
from workers.plugin.calls import Batch

TERMS = 1000
"""Ids of one request: what BioThings' APIs take at most."""
HITS = 100
"""Documents of the API that one id may stand for: of all terms together not more than an API of ours answers."""
DEADLINE = 60.0
"""Seconds that an answer may take."""
LARGEST = 2**26
"""Bytes that it may have."""
PLAIN = {"Accept-Encoding": "identity"}
EXAMPLES = 3
"""Ids that are named where nothing was found."""


class Conversion:
    """The conversion of one part's documents, and what came of it so far; `converting` opens one."""

    def __init__(self, wanted: KeyLookup, api: str, networks: Sequence[str], session: aiohttp.ClientSession) -> None:
        self.wanted = wanted
        self.api = api
        self.networks = networks
        self.session = session
        self.found = 0
        self.missed = 0
        self.examples: list[str] = []
        self._kept = re.compile(wanted.skip_w_regex) if wanted.skip_w_regex else None

    async def converted(self, batch: Batch) -> Batch:
        """The documents with the ids that were found: none, one or several for each.

        Raises JobFailed where the API refuses what it is asked, and Unavailable where it does not answer."""
        documents: list[dict[str, Any]] = [orjson.loads(body) for body in batch.bodies]
        done = [document for document in documents if self._kept and self._kept.match(document["_id"])]
        missing = [document for document in documents if not (self._kept and self._kept.match(document["_id"]))]
        for output in self.wanted.outputs or (Field("", "_id"),):
            for source in self.wanted.inputs:
                hits, missing = await self._step(source, output, missing)
                if not self.wanted.skip_on_success:
                    done += hits
        self.missed += len(missing)
        self.examples += [document["_id"] for document in missing[: EXAMPLES - len(self.examples)]]
        if not self.wanted.skip_on_failure:
            done += missing
        bodies = [orjson.dumps(document, option=orjson.OPT_SORT_KEYS) for document in done]
        return Batch(ids=[document["_id"] for document in done], bodies=bodies)

    async def _step(
        self, source: Field, output: Field, documents: list[dict[str, Any]]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The documents that get an id by this way, a copy for each, and the others."""
        values = [_texts(document, source.path.split(".")) for document in documents]
        if self.wanted.copy_from_doc and source.name == output.name:
            known = {value: [value] for each in values for value in each}
        else:
            known = await self._look_up(source.field, output.field, sorted({value for each in values for value in each}))
        hits, missing = [], []
        for document, terms in zip(documents, values, strict=True):
            ids = dict.fromkeys(id for term in terms for id in known.get(term, ()))
            hits += [{**document, "_id": id} for id in ids]
            if not ids:
                missing.append(document)
        self.found += len(documents) - len(missing)
        return hits, missing

    async def _look_up(self, scope: str, field: str, terms: Sequence[str]) -> dict[str, list[str]]:
        """What the API has in `field` for each of the terms, which it finds in `scope`."""
        found: dict[str, list[str]] = {}
        for start in range(0, len(terms), TERMS):
            question = {"q": terms[start : start + TERMS], "scopes": scope, "fields": field, "size": HITS}
            for hit in await self._ask(question):
                if isinstance(hit, dict) and "notfound" not in hit:
                    known = found.setdefault(str(hit.get("query")), [])
                    known += [id for id in _texts(hit, field.split(".")) if id not in known]
        if vague := next((term for term, ids in found.items() if len(ids) >= HITS), ""):
            raise self._refused(f"{vague} in {scope} stands for {HITS} documents or more, which is no id")
        return found

    async def _ask(self, question: dict[str, Any]) -> list[Any]:
        url = URL(f"{self.api}/query")
        proxy = proxy_for(url)
        try:
            if proxy:
                check_literal(url.host or "", self.networks)
            NETWORKS.set(None if proxy else self.networks)
            async with (
                asyncio.timeout(DEADLINE),
                self.session.post(url, json=question, headers=PLAIN, proxy=proxy, allow_redirects=False) as response,
            ):
                text = await _whole(response)
        except OutOfReach as error:
            raise self._refused(str(error.strerror)) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            if isinstance(reason := getattr(error, "os_error", None), OutOfReach):
                raise self._refused(str(reason.strerror)) from error
            raise Unavailable(f"keylookup: {masked(self.api)} does not answer: {error or type(error).__name__}") from error
        if response.status >= 500 or response.status == 429:
            raise Unavailable(f"keylookup: {masked(self.api)} does not answer: status {response.status}")
        try:
            hits = orjson.loads(text)
        except orjson.JSONDecodeError:
            hits = None
        if response.status != 200 or not isinstance(hits, list):
            raise self._refused(f"POST {url.path} answers {response.status}: {text[:200].decode(errors='replace')}")
        return hits

    def _refused(self, reason: str) -> JobFailed:
        return JobFailed(f"keylookup: {masked(self.api)} can't be asked: {reason}", code="KEYLOOKUP")


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for chunk in response.content.iter_any():
        parts.append(chunk)
        size += len(chunk)
        if size > LARGEST:
            raise JobFailed(f"keylookup: an answer has more than {LARGEST} bytes", code="KEYLOOKUP")
    return b"".join(parts)


def _texts(value: Any, path: Sequence[str]) -> list[str]:
    """The texts and numbers at a path, through lists too."""
    if isinstance(value, list):
        return [text for member in value for text in _texts(member, path)]
    if path:
        if not isinstance(value, dict):
            return []
        return _texts(value[".".join(path)], ()) if ".".join(path) in value else _texts(value.get(path[0]), path[1:])
    return [str(value)] if value not in (None, "") and not isinstance(value, dict | bool) else []


@asynccontextmanager
async def converting(wanted: KeyLookup | None, limits: Limits) -> AsyncIterator[Conversion | None]:
    """A conversion with its own connections; None where nothing is wanted. Raises JobFailed where no API is named."""
    if wanted is None:
        yield None
        return
    api = wanted.api or limits.keylookup_api.rstrip("/")
    if not api:
        reason = "the manifest's `keylookup` needs an API: name one in `keylookup.api`, or in LEAT_KEYLOOKUP_API"
        raise JobFailed(
            f"{reason} (the URL of a BioThings API, such as https://example.org/v1 or one of this hub's)", code="KEYLOOKUP"
        )
    async with open_session(await asyncio.to_thread(trust)) as session:
        yield Conversion(wanted, api, limits.download_networks, session)
