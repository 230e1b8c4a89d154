"""An FTP server of pyftpdlib, over a folder, in a thread of its own; what it does wrong, a test chooses."""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer


class FtpSite:
    """`folder` is served to `anonymous`, and to `me` with the password `p@ss`. `heard`: the commands, oldest first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self.heard: list[str] = []
        self.cuts: list[int] = []
        """After how many bytes each of the next transfers breaks off."""
        self.was_cut = threading.Event()
        self.changes: list[bytes] = []
        """What the file holds once each of the next transfers is over."""
        self.unknown: set[str] = set()
        """Commands that the server has never heard of."""

    def url(self, path: str, scheme: str = "ftp", user: str = "") -> str:
        """An address here."""
        return f"{scheme}://{user}127.0.0.1:{self.port}{path}"


class _Cut:
    """A file that can be read up to a place, and then no more."""

    def __init__(self, file: BinaryIO, left: int, hang_up: Callable[[], None]) -> None:
        self.file = file
        self.left = left
        self.hang_up = hang_up

    def read(self, size: int) -> bytes:
        if not self.left:
            self.hang_up()
            raise OSError("the disk is gone")
        data = self.file.read(min(size, self.left))
        self.left -= len(data)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class _Files(AbstractedFS):
    def open(self, filename: str, mode: str) -> Any:
        file = super().open(filename, mode)
        site: FtpSite = self.cmd_channel.site
        return _Cut(file, site.cuts.pop(0), self.hang_up) if site.cuts else file

    def hang_up(self) -> None:
        channels = [self.cmd_channel.data_channel]
        if self.cmd_channel.certfile:  # pyftpdlib says nothing of a secured transfer that fails, so all of the connection breaks
            channels.append(self.cmd_channel)
        for channel in channels:
            with socket.socket(fileno=os.dup(channel.socket.fileno())) as broken:
                broken.shutdown(socket.SHUT_RDWR)
        self.cmd_channel.site.was_cut.set()


class _Handling:
    """What is other than in pyftpdlib."""

    site: FtpSite
    abstracted_fs = _Files
    use_sendfile = False
    auth_failed_timeout = 0
    certfile: str | None = None
    is_implicit = False

    def handle(self) -> None:
        if self.is_implicit:
            self.secure_connection(self.ssl_context)  # type: ignore[attr-defined]
        super().handle()  # type: ignore[misc]

    def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
        self.site.heard.append(line)
        if cmd in self.site.unknown:
            self.respond("502 Never heard of it.")  # type: ignore[attr-defined]
        else:
            super().pre_process_command(line, cmd, arg)  # type: ignore[misc]

    def on_file_sent(self, file: str) -> None:
        if self.site.changes:
            Path(file).write_bytes(self.site.changes.pop(0))


def _handler(site: FtpSite, secured: Path | None, *, implicit: bool) -> type[FTPHandler]:
    who = DummyAuthorizer()
    who.add_anonymous(str(site.folder))
    who.add_user("me", "p@ss", str(site.folder))
    members: dict[str, Any] = {"site": site, "authorizer": who}
    if secured is None:
        return type("Handler", (_Handling, FTPHandler), members)
    members |= {"certfile": str(secured), "is_implicit": implicit, "tls_control_required": True, "tls_data_required": True}
    return type("Handler", (_Handling, TLS_FTPHandler), members)


@contextmanager
def open_ftp_site(folder: Path, secured: Path | None = None, *, implicit: bool = False) -> Iterator[FtpSite]:
    """A server on a port of its own. `secured`: certificate and key, with which all has to be secured; by AUTH TLS, unless TLS is
    `implicit`."""
    logging.getLogger("pyftpdlib").setLevel(logging.CRITICAL)
    site = FtpSite(folder)
    listener = socket.create_server(("127.0.0.1", 0))
    site.port = listener.getsockname()[1]
    server = FTPServer(listener, _handler(site, secured, implicit=implicit), ioloop=IOLoop())
    is_over = threading.Event()

    def serve() -> None:
        while not is_over.is_set():
            server.ioloop.loop(timeout=0.01, blocking=False)
        server.close_all()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield site
    finally:
        is_over.set()
        thread.join()
