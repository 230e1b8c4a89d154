"""The routes below `/api/<name>/`, with and without `/v1`: which function answers, and what its errors become."""

import logging

from aiohttp import web

from domain.errors import NotReady, Refused, Unavailable
from domain.hub import Hub
from events.message import new_id
from gateway.rest import metadata
from gateway.rest.annotation import annotate, annotate_many
from gateway.rest.answers import PREFLIGHT, RequestInvalid, encode, fail, headers, refused
from gateway.rest.arguments import Arguments, read_arguments
from gateway.rest.search import search
from gateway.rest.served import NotRunning, Registry, Served
from gateway.rest.specification import specification

log = logging.getLogger(__name__)

_PREFIX = "/api/"
_NO_ARGUMENTS = Arguments({})


class Published:
    """The handler of every API of the hub, below `/api/`; open to everybody."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.registry = Registry(hub)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answer; a release that was dropped between looking it up and reading it is looked up once more."""
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=PREFLIGHT)
        name, *rest = request.path[len(_PREFIX) :].split("/")
        if rest and rest[0] == "v1":
            del rest[0]
        if len(rest) > 1 and not rest[-1] and not request.raw_path.partition("?")[0].lower().endswith("%2f"):
            del rest[-1]
        try:
            try:
                return await self._answer(request, name, rest, fresh=False)
            except NotReady:
                return await self._answer(request, name, rest, fresh=True)
        except Exception as error:  # noqa: BLE001 -- the outermost edge: a bug, too, is told in the envelope, and its cause to the log
            return _failure(request, error)

    async def _answer(self, request: web.Request, name: str, rest: list[str], *, fresh: bool) -> web.StreamResponse:
        served = await self.registry.get(name, fresh=fresh)
        if served is None:
            return fail(404, "Not Found.", reason=f"there is no API {name!r}")
        if request.method in ("GET", "HEAD"):
            answer = await self._get(request, served, rest)
            return _not_modified(served) if "If-None-Match" in request.headers and _is_known(request, served, answer) else answer
        if request.method == "POST":
            return await self._post(request, served, rest)
        return fail(405, "Method Not Allowed", allowed=["GET", "HEAD", "POST", "OPTIONS"])

    async def _get(self, request: web.Request, served: Served, rest: list[str]) -> web.StreamResponse:
        if len(rest) > 1 and rest[0] == served.doc_type:
            return await annotate(self.hub, served, "/".join(rest[1:]), request)
        arguments = await read_arguments(request) if request.query_string else _NO_ARGUMENTS
        match rest:
            case ["query"]:
                return await search(self.hub, served, arguments)
            case ["metadata"]:
                return metadata.metadata(served, arguments)
            case ["metadata", "fields"]:
                return metadata.fields(served, arguments)
            case ["status"]:
                return metadata.status(served)
            case ["spec"]:
                return web.Response(body=encode(specification(served)), headers=headers(served.etag))
            case [] | [""]:
                return _front(served)
        return _unknown(served)

    async def _post(self, request: web.Request, served: Served, rest: list[str]) -> web.StreamResponse:
        match rest:
            case ["query"]:
                return await search(self.hub, served, await read_arguments(request), many=True)
            case [doc_type] if doc_type == served.doc_type:
                return await annotate_many(self.hub, served, await read_arguments(request))
        return _unknown(served)


def _failure(request: web.Request, error: Exception) -> web.Response:
    """What a client is told of an error."""
    match error:
        case RequestInvalid():
            return fail(error.status, error.error, **error.members)
        case NotRunning() | NotReady():
            return fail(503, "Service Unavailable", reason=str(error))
        case Unavailable():  # its text names servers, and everybody may ask
            log.warning("request not answered", extra={"path": request.path, "error": str(error)})
            return fail(503, "Service Unavailable", reason="a server that this API needs does not answer")
        case Refused():
            return refused(error)
        case web.HTTPRequestEntityTooLarge():
            return fail(413, "Request Entity Too Large", max=request.client_max_size)
    request_id = new_id()
    log.error("request failed", exc_info=error, extra={"request_id": request_id, "path": request.path})
    return fail(500, "Internal Server Error", request_id=request_id)


def _is_known(request: web.Request, served: Served, answer: web.StreamResponse) -> bool:
    """Whether the client has this answer already. It is made all the same: an answer that fails, or differs each time, is never
    304."""
    known = {tag.value for tag in request.if_none_match or ()}
    return "ETag" in answer.headers and not known.isdisjoint({"*", served.index})


def _not_modified(served: Served) -> web.Response:
    return web.Response(status=304, headers=headers(served.etag))


def _routes(served: Served) -> list[str]:
    base = f"{_PREFIX}{served.name}"
    return [f"{base}/{route}" for route in (f"{served.doc_type}/{{id}}", "query", "metadata", "metadata/fields", "status", "spec")]


def _front(served: Served) -> web.Response:
    """What there is, for people who open the address; the description may change without a release."""
    said = {"name": served.name, "description": served.api.description, "biothing_type": served.doc_type, "routes": _routes(served)}
    return web.Response(body=encode(said), headers=headers())


def _unknown(served: Served) -> web.Response:
    return fail(404, "Not Found.", routes=_routes(served))
