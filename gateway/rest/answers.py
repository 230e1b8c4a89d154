"""Answers of the published APIs: bodies, headers, and errors in BioThings' envelope."""

from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from domain.errors import QueryInvalid, Refused
from gateway.rest.forms import TYPES, encode

ORIGIN = "Access-Control-Allow-Origin"
PREFLIGHT = {
    ORIGIN: "*",
    "Access-Control-Allow-Methods": "*",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Allow-Credentials": "false",
    "Access-Control-Max-Age": "60",
}
"""What a browser asks for with OPTIONS before it sends a request that is not simple; only the origin counts in other answers."""
SINCE = "Leat-As-Of"
"""The header that says since when the gateway has not heard what is served, while the records do not answer."""
CACHED = "public, no-cache"
"""Caches keep an answer and ask with its ETag whether it is still so: right after a release nothing old is shown."""


class RequestInvalid(Exception):
    """The request is wrong; `members` go into the envelope beside code, success and error."""

    def __init__(self, reason: str, status: int = 400, error: str = "Bad Request", **members: Any) -> None:
        super().__init__(reason)
        self.status = status
        self.error = error
        self.members = ({"reason": reason} if reason else {}) | members


def headers(etag: str = "", form: str = "json") -> CIMultiDict[str]:
    """What every answer carries; cacheable where there is an ETag."""
    found: CIMultiDict[str] = CIMultiDict()
    found[ORIGIN] = "*"
    found["Content-Type"] = TYPES[form]
    found["Cache-Control"] = CACHED if etag else "no-store"
    if etag:
        found["ETag"] = etag
    return found


def fail(status: int, error: str, **members: Any) -> web.Response:
    """An error in BioThings' envelope; members without a value are left out."""
    said = {key: value for key, value in members.items() if value not in (None, "", (), [])}
    return web.Response(body=encode({"code": status, "success": False, "error": error} | said), status=status, headers=headers())


def refused(error: Refused, keyword: str = "") -> web.Response:
    """A domain refusal: where a query is wrong, `position` points at the character."""
    if isinstance(error, QueryInvalid):
        path = keyword or ".".join(error.path)
        return web.Response(
            body=encode(
                {
                    "code": 400,
                    "success": False,
                    "error": "Bad Request",
                    "keyword": "q" if path == "query" else path,
                    "reason": error.message,
                    "position": error.position,
                }
            ),
            status=400,
            headers=headers(),
        )
    return fail(400, "Bad Request", keyword=keyword or ".".join(error.path), reason=error.message)
