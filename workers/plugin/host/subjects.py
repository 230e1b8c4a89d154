"""The objects that a manifest's functions get where the BioThings SDK passes its dumper or its uploader."""

import ftplib
import logging
from typing import Any
from urllib.parse import unquote, urlsplit

from . import web


class Dumper:
    """What `release` functions look at: `client`, `SRC_URLS`, `logger`, and the folders."""

    SRC_NAME = ""
    SRC_URLS: list[str] = []
    SRC_ROOT_FOLDER = ""
    UNCOMPRESS = False
    SUFFIX_ATTR = "release"
    SCHEDULE: str | None = None
    VERIFY_CERT = True
    __metadata__: dict[str, Any] = {}

    def __init__(self, request: dict[str, Any]) -> None:
        self.src_name = request["name"]
        self.logger = logging.getLogger(request["name"])
        self.release = self.current_release = request.get("release") or None
        self.data_folder = self.current_data_folder = request.get("data") or None
        self.new_data_folder = request.get("new_data") or ""
        self.src_doc = {"download": {"release": self.release, "data_folder": self.data_folder}} if self.release else {}
        self.to_dump: list[dict[str, str]] = []
        self._client: Any = None

    @property
    def client(self) -> Any:
        """Of `requests` where that is installed, else a small session of our own; an `ftplib.FTP` for ftp URLs."""
        if self._client is None:
            self.prepare_client()
        return self._client

    @client.setter
    def client(self, value: Any) -> None:
        self._client = value

    def prepare_client(self) -> None:
        """Make the client."""
        ftp = next((url for url in self.SRC_URLS if url.startswith("ftp:")), None)
        self._client = _ftp(ftp) if ftp else web.session()

    def release_client(self) -> None:
        """Let the client go."""
        if self._client is not None:
            self._client.close()
        self._client = None


def dumper(request: dict[str, Any]) -> Dumper:
    """The dumper of one manifest. What the SDK writes into the class it generates is the class's here too: functions look it up at
    either, `self.SRC_URLS` or `self.__class__.SRC_URLS`."""
    attributes = {
        "SRC_NAME": request["name"],
        "SRC_URLS": list(request.get("urls") or []),
        "SRC_ROOT_FOLDER": request.get("archive", ""),
        "UNCOMPRESS": bool(request.get("uncompress")),
        "__metadata__": {"src_meta": dict(request.get("metadata") or {})},
    }
    subject: Dumper = type("Dumper", (Dumper,), attributes)(request)
    return subject


class Uploader:
    """What `mapping` (the class) and `parallelizer` (an instance) look at."""

    name = ""
    main_source = ""
    fullname = ""
    data_folder: str | None = None
    release: str | None = None
    src_doc: dict[str, Any] = {}
    logger = logging.getLogger()
    __metadata__: dict[str, Any] = {}


def uploader(request: dict[str, Any]) -> type[Uploader]:
    """The class for one uploader of a manifest."""
    download = {"release": request.get("release"), "data_folder": request.get("data")}
    attributes = {
        "name": request.get("part") or request["name"],
        "main_source": request["name"],
        "fullname": f"{request['name']}.{request.get('part') or request['name']}",
        "data_folder": request.get("data"),
        "release": request.get("release"),
        "src_doc": {"_id": request["name"], "download": download},
        "logger": logging.getLogger(request["name"]),
        "__metadata__": {"src_meta": dict(request.get("metadata") or {})},
    }
    return type("Uploader", (Uploader,), attributes)


def _ftp(url: str) -> ftplib.FTP:
    parts = urlsplit(url)
    client = ftplib.FTP(timeout=600)
    client.connect(parts.hostname or "", parts.port or 21)
    client.login(unquote(parts.username or "anonymous"), unquote(parts.password or ""))
    folder = unquote(parts.path).rpartition("/")[0]
    if folder:
        client.cwd(folder)
    return client
