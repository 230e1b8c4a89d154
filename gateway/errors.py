"""Errors as clients see them: refusals as members of unions, everything else under `errors` with a code and a request id."""

import logging
from enum import Enum
from typing import Any, TypeVar

import strawberry
from graphql import GraphQLError, GraphQLFormattedError
from strawberry import field

from domain import errors
from events.bus import BusError

log = logging.getLogger(__name__)


@strawberry.enum(description="What kind of refusal it is.")
class ErrorCode(Enum):
    """The `code` of every domain error that is told as data."""

    NOT_FOUND = strawberry.enum_value("NOT_FOUND", description="There is nothing of that name.")
    CONFLICT = strawberry.enum_value("CONFLICT", description="It exists, is in use, or was asked for with another input.")
    INVALID = strawberry.enum_value("INVALID", description="A value is wrong; `path` names it.")
    QUERY_INVALID = strawberry.enum_value("QUERY_INVALID", description="The search query is wrong; `position` points into it.")
    NOT_READY = strawberry.enum_value("NOT_READY", description="Something that it needs is not there yet.")


@strawberry.interface(description="Why something was refused; the client can act on it.")
class UserError:
    """What all refusals have."""

    message: str = field(description="The reason, in words.")
    code: ErrorCode = field(description="The reason, for programs.")
    path: list[str] = field(description="The input field that it is about, from the outside in; empty where it is about none.")


@strawberry.type(description="There is nothing of that name.")
class NotFound(UserError):
    """domain.errors.NotFound."""


@strawberry.type(description="It exists already, is in use, or was asked for with another input.")
class Conflict(UserError):
    """domain.errors.Conflict."""


@strawberry.type(description="A value of the input is wrong.")
class ValidationFailed(UserError):
    """domain.errors.Invalid."""


@strawberry.type(description="The search query can't be understood, or asks for what this engine does not do.")
class QueryInvalid(UserError):
    """domain.errors.QueryInvalid."""

    position: int = field(description="Index of the character in the query that it is about.")


@strawberry.type(description="Something that it needs is not there yet.")
class NotReady(UserError):
    """domain.errors.NotReady."""


Refusal = NotFound | Conflict | ValidationFailed | NotReady
"""What every mutation's payload may be beside its success."""

E = TypeVar("E", bound=errors.Refused)


class _NotFoundHandler(strawberry.ExceptionHandler[errors.NotFound, NotFound]):
    def handle(self, exception: errors.NotFound, *, field: Any, info: Any) -> NotFound:
        return NotFound(**_said(exception))


class _ConflictHandler(strawberry.ExceptionHandler[errors.Conflict, Conflict]):
    def handle(self, exception: errors.Conflict, *, field: Any, info: Any) -> Conflict:
        return Conflict(**_said(exception))


class _QueryInvalidHandler(strawberry.ExceptionHandler[errors.QueryInvalid, QueryInvalid]):
    def handle(self, exception: errors.QueryInvalid, *, field: Any, info: Any) -> QueryInvalid:
        return QueryInvalid(**_said(exception), position=exception.position)


class _InvalidHandler(strawberry.ExceptionHandler[errors.Invalid, ValidationFailed]):
    def handle(self, exception: errors.Invalid, *, field: Any, info: Any) -> ValidationFailed:
        return ValidationFailed(**_said(exception))


class _NotReadyHandler(strawberry.ExceptionHandler[errors.NotReady, NotReady]):
    def handle(self, exception: errors.NotReady, *, field: Any, info: Any) -> NotReady:
        return NotReady(**_said(exception))


HANDLERS = (_NotFoundHandler(), _ConflictHandler(), _QueryInvalidHandler(), _InvalidHandler(), _NotReadyHandler())
"""Domain errors become members of a field's union here and nowhere else; of two that fit, the more special one comes first."""


def _said(error: errors.Refused) -> dict[str, Any]:
    code = ErrorCode(error.code) if error.code in ErrorCode.__members__ else ErrorCode.INVALID
    return {"message": error.message, "code": code, "path": list(error.path)}


def present(error: GraphQLError, request_id: str) -> GraphQLFormattedError:
    """The error as it is sent: what Leat raised on purpose with its code, anything else as INTERNAL and in the log."""
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    shown = error.formatted
    extensions = {**(error.extensions or {}), "requestId": request_id}
    if isinstance(cause, errors.Unavailable | BusError):  # its text names servers and drivers: that is for who runs the hub
        log.warning("request not answered", extra={"request_id": request_id, "error": str(cause)})
        shown["message"] = "a server that the hub needs does not answer; the hub's log names it, under the request id"
        extensions["code"] = errors.Unavailable.code
    elif isinstance(cause, errors.LeatError):
        extensions["code"] = cause.code
        if isinstance(cause, errors.QueryInvalid):
            extensions["position"] = cause.position
    elif cause is None or not error.path:
        extensions.setdefault("code", "GRAPHQL_INVALID")
    else:
        log.error("resolver failed", exc_info=cause, extra={"request_id": request_id, "path": error.path})
        shown["message"] = "an internal error; its cause is in the hub's log under the request id"
        extensions["code"] = "INTERNAL"
    shown["extensions"] = extensions
    return shown
