"""A small HTTP session for `release` functions, where the plugin's environment has no `requests`."""

import importlib
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from email.message import Message
from typing import Any

TIMEOUT = 60.0
"""Seconds."""


class HTTPError(OSError):
    """The server answered with an error."""


class Response:
    """An answer, with the attributes that release functions read."""

    def __init__(self, url: str, status: int, reason: str, headers: Message, content: bytes) -> None:
        self.url = url
        self.status_code = status
        self.reason = reason
        self.headers = headers  # looks names up in any case
        self.content = content
        self.encoding = headers.get_content_charset() or "utf-8"

    @property
    def ok(self) -> bool:
        """Whether it is no error."""
        return self.status_code < 400

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode(self.encoding, "replace")

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.content)

    def raise_for_status(self) -> None:
        """Raise HTTPError if it is one."""
        if not self.ok:
            raise HTTPError(f"{self.status_code} {self.reason} for {self.url}")


class Session:
    """get, head and post, following redirects."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {"User-Agent": "leat"}
        self.verify = True

    def get(self, url: str, **options: Any) -> Response:
        """GET."""
        return self.request("GET", url, **options)

    def head(self, url: str, **options: Any) -> Response:
        """HEAD."""
        return self.request("HEAD", url, **options)

    def post(self, url: str, data: Any = None, **options: Any) -> Response:
        """POST."""
        return self.request("POST", url, data=data, **options)

    def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        data: Any = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        verify: bool = True,
        **_: Any,
    ) -> Response:
        """One request; options that make no difference here are accepted."""
        if params:
            url += ("&" if "?" in url else "?") + urllib.parse.urlencode(params, doseq=True)
        body, kind = _body(data, json)
        request = urllib.request.Request(url, body, {**self.headers, **kind, **(headers or {})}, method=method)
        context = None if verify and self.verify else ssl._create_unverified_context()
        try:
            answer = urllib.request.urlopen(request, timeout=timeout or TIMEOUT, context=context)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return Response(answer.url, answer.status or 0, answer.reason, answer.headers, answer.read())

    def close(self) -> None:
        """Nothing is kept open."""


def session() -> Any:
    """A session of `requests` if there is one, else ours."""
    try:
        requests = importlib.import_module("requests")
    except ImportError:
        return Session()
    return requests.Session()


def _body(data: Any, value: Any) -> tuple[bytes | None, dict[str, str]]:
    if value is not None:
        return json.dumps(value).encode(), {"Content-Type": "application/json"}
    if isinstance(data, Mapping):
        return urllib.parse.urlencode(data, doseq=True).encode(), {}
    return data.encode() if isinstance(data, str) else data, {}
