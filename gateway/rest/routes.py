"""The routes below `/api/<name>/`, with and without `/v1`: which function answers, and what its errors become."""

import logging

from aiohttp import web

from domain.errors import NotReady, Refused, Unavailable
from domain.hub import Hub
from events.message import new_id
from gateway.rest import metadata
from gateway.rest.annotation import annotate, annotate_many
from gateway.rest.answers import PREFLIGHT, SINCE, RequestInvalid, fail, headers, refused
from gateway.rest.arguments import Arguments, read_arguments
from gateway.rest.forms import encode
from gateway.rest.limits import Limits
from gateway.rest.listing import Encoder
from gateway.rest.search import search
from gateway.rest.served import NotRunning, Registry, Served
from gateway.rest.specification import specification

log = logging.getLogger(__name__)

_PREFIX = "/api/"
_NO_ARGUMENTS = Arguments({})


class Published:
    """The handler of every API of the hub, below `/api/`; open to everybody."""

    def __init__(self, hub: Hub, limits: Limits | None = None, public: str = "") -> None:
        """`public`: the gateway's address as people are told it."""
        self.encoder = Encoder(hub, limits or Limits())
        self.registry = Registry(hub)
        self.public = public.rstrip("/")

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answer; a release that was dropped between looking it up and reading it is looked up once more."""
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=PREFLIGHT)
        name, *rest = request.path.removeprefix(_PREFIX.rstrip("/")).removeprefix("/").split("/")
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
        if not name and not any(rest):
            return await self._list(request)
        served = await self.registry.get(name, fresh=fresh)
        if served is None:
            return fail(404, "Not Found.", reason=f"there is no API {name!r}")
        if request.method not in (allowed := _allowed(served, rest)):
            return _not_allowed(allowed) if allowed else _unknown(served)
        if request.method == "POST":
            answer = await self._post(request, served, rest)
        else:
            answer = await self._get(request, served, rest)
            if "If-None-Match" in request.headers and _is_known(request, served, answer):
                answer = _not_modified(served)
        if served.since:
            answer.headers[SINCE] = served.since
        return answer

    async def _get(self, request: web.Request, served: Served, rest: list[str]) -> web.StreamResponse:
        if len(rest) > 1 and rest[0] == served.doc_type:
            return await annotate(self.encoder, served, "/".join(rest[1:]), request)
        arguments = await read_arguments(request) if request.query_string else _NO_ARGUMENTS
        match rest:
            case ["query"]:
                return await search(self.encoder, served, arguments)
            case ["metadata"]:
                return await metadata.metadata(self.encoder, served, arguments)
            case ["metadata", "fields"]:
                return await metadata.fields(self.encoder, served, arguments)
            case ["status"]:
                return metadata.status(served)
            case ["spec"]:
                document = specification(served, self.encoder.limits, self.public)
                return web.Response(body=encode(document), headers=headers(served.etag))
            case [doc_type] if doc_type == served.doc_type:
                if id := arguments.text("id"):
                    return await annotate(self.encoder, served, id, request)
                raise RequestInvalid("", keyword="id", missing=True)
        return _front(served)

    async def _post(self, request: web.Request, served: Served, rest: list[str]) -> web.StreamResponse:
        arguments = await read_arguments(request)
        if rest == ["query"]:
            return await search(self.encoder, served, arguments, many=True)
        return await annotate_many(self.encoder, served, arguments)

    async def _list(self, request: web.Request) -> web.Response:
        """What is published on this hub."""
        if request.method not in _READING:
            return _not_allowed(_READING)
        apis = [
            {"name": name, "description": api.description, "running": api.running, "url": f"{self.public}{_PREFIX}{name}"}
            for name, api in await self.registry.names()
        ]
        return web.Response(body=encode({"apis": apis}), headers=headers())


_READING = ("GET", "HEAD")


def _allowed(served: Served, rest: list[str]) -> tuple[str, ...]:
    """The methods of what stands there; none where there is nothing."""
    match rest:
        case [doc_type, _, *_] if doc_type == served.doc_type:
            return _READING
        case ["query"]:
            return (*_READING, "POST")
        case ["metadata"] | ["metadata", "fields"] | ["status"] | ["spec"] | [] | [""]:
            return _READING
        case [doc_type] if doc_type == served.doc_type:
            return (*_READING, "POST")
    return ()


def _not_allowed(allowed: tuple[str, ...]) -> web.Response:
    answer = fail(405, "Method Not Allowed", allowed=[*allowed, "OPTIONS"])
    answer.headers["Allow"] = ", ".join([*allowed, "OPTIONS"])
    return answer


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
