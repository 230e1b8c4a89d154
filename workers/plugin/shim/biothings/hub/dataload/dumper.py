"""Dumper classes, from which advanced plugins derive theirs. Their files are fetched by the hub, from `SRC_URLS`."""

import logging
import os
from typing import Any

from ... import config  # noqa: TID252 (the package has another name in a plugin's process)


class DumperException(Exception):
    """A dump can't be made."""


class BaseDumper:
    """What a plugin overrides: `SRC_NAME`, `SRC_URLS`, `SCHEDULE`, `set_release`, and more that is not looked at here."""

    SRC_NAME: str | None = None
    SRC_ROOT_FOLDER: str | None = None
    SRC_URLS: list[str] = []
    SCHEDULE: str | None = None
    AUTO_UPLOAD = True
    SUFFIX_ATTR = "release"
    MAX_PARALLEL_DUMP: int | None = None
    SLEEP_BETWEEN_DOWNLOAD = 0.0
    ARCHIVE = True
    DISABLED = False
    UNCOMPRESS = False
    __metadata__: dict[str, Any] = {}

    def __init__(self, src_name: str | None = None, src_root_folder: str | None = None, **_: Any) -> None:
        self.src_name = src_name or self.SRC_NAME
        self.src_root_folder = src_root_folder or self.SRC_ROOT_FOLDER
        self.release: str | None = None
        self.to_dump: list[dict[str, str]] = []
        self.src_doc: dict[str, Any] = {}
        self.logger = logging.getLogger(self.src_name or "plugin")

    @property
    def new_data_folder(self) -> str:
        """Where the new release's files go."""
        root = self.src_root_folder or os.path.join(config.DATA_ARCHIVE_ROOT, self.src_name or "")
        return os.path.join(root, str(getattr(self, self.SUFFIX_ATTR) or "latest"))

    @property
    def current_data_folder(self) -> str | None:
        """Where the stored release's files are."""
        return self.src_doc.get("download", {}).get("data_folder")  # type: ignore[no-any-return]  # a path, as the hub wrote it

    @property
    def current_release(self) -> str | None:
        """The stored release."""
        return self.src_doc.get("download", {}).get("release")  # type: ignore[no-any-return]  # text, as the hub wrote it


class HTTPDumper(BaseDumper):
    """Fetched over HTTP."""

    VERIFY_CERT = True
    IGNORE_HTTP_CODE: list[int] = []
    RESOLVE_FILENAME = False


class LastModifiedHTTPDumper(HTTPDumper):
    """Fetched over HTTP; Last-Modified is the release."""


class FTPDumper(BaseDumper):
    """Fetched over FTP."""

    FTP_HOST = ""
    CWD_DIR = ""
    FTP_USER = ""
    FTP_PASSWD = ""
    FTP_TIMEOUT = 600.0


class LastModifiedBaseDumper(BaseDumper):
    """The last file's time is the release."""


class LastModifiedFTPDumper(FTPDumper, LastModifiedBaseDumper):
    """Fetched over FTP; the last file's time is the release."""


class WgetDumper(BaseDumper):
    """Fetched by wget."""


class FilesystemDumper(BaseDumper):
    """Taken from a folder."""


class GitDumper(BaseDumper):
    """Cloned."""


class GoogleDriveDumper(HTTPDumper):
    """Fetched from Google Drive."""


class APIDumper(BaseDumper):
    """Asked of an API by the plugin itself."""


class DummyDumper(BaseDumper):
    """Fetches nothing."""


class ManualDumper(BaseDumper):
    """Its files are put there by hand."""


class DockerContainerDumper(BaseDumper):
    """Made by a container."""
