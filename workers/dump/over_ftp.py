"""Asks FTP servers for a file, with and without TLS: only if it changed, for what is missing of it, and checked afterwards.

The standard library's ftplib does the talking, in a thread of its own for each file. It opens the TLS of a data connection after
the server has taken the command, which several servers wait for, and lets it resume the session of the control connection, which
several insist on. The asynchronous client that there is begins TLS before the command, and would wait for ever.
"""

import asyncio
import contextlib
import datetime
import email.utils
import ftplib
import re
import socket
import ssl
import time
import urllib.parse
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from domain.reach import OutOfReach, connect
from events.sources import File
from workers.dump.connection import trust
from workers.dump.download import Download, Fetched, Interrupted, Version
from workers.dump.errors import DumpRefused
from workers.dump.names import name_of

T = TypeVar("T")
ANSWER = 300.0
"""Seconds that a server has for one step: connecting and signing in, or the answer to a command."""
SILENCE = 120.0
"""Seconds without a byte after which a connection counts as lost."""
CONNECT = 30.0
_REPLIES = 2**16
"""Bytes that the answer to one command may have."""
_CHUNK = 2**18
_IMPLICIT = 990
_TYPE = re.compile(r";type=[aid]\Z", re.IGNORECASE)
"""What an ftp URL may say of how the file is sent, which is always as it is."""


class _Address(NamedTuple):
    """What an ftp URL names."""

    is_secure: bool
    host: str
    port: int | None
    user: str
    password: str
    path: str


def _address_of(url: str) -> _Address:
    """The path is relative to the folder that one signs in to, and absolute where it begins with `%2F` (RFC 1738).

    Raises DumpRefused."""
    try:
        parts = urllib.parse.urlsplit(url)
        whole = f"{parts.path}?{parts.query}" if parts.query else parts.path  # ftp knows no queries
        path = _bytes_as_letters(_TYPE.sub("", whole)[1:])
        user = _bytes_as_letters(parts.username or "anonymous")
        password = _bytes_as_letters(parts.password or ("" if parts.username else "anonymous@"))
        port = parts.port
    except ValueError as error:
        raise DumpRefused(f"{url} is no address that can be asked: {error}") from error
    if not parts.hostname:
        raise DumpRefused(f"{url} names no host")
    if not path or path.endswith("/"):
        raise DumpRefused(f"{url} names a folder: give the URL of each file")
    if re.search(r"[\r\n\x00]", path + user + password):
        raise DumpRefused(f"{url} holds a line break, which would be a command of its own")
    return _Address(parts.scheme == "ftps", parts.hostname, port, user, password, path)


def _bytes_as_letters(text: str) -> str:
    """Commands are sent in Latin-1, so each byte that the URL names arrives as that byte."""
    return urllib.parse.unquote_to_bytes(text).decode("latin-1")


class _Connection(ftplib.FTP_TLS):
    """The blocking side. It is used without TLS too: then nothing of that is called."""

    def __init__(self, context: ssl.SSLContext, networks: Sequence[str]) -> None:
        super().__init__(context=context, timeout=SILENCE, encoding="latin-1")
        self.networks = networks
        self.answered = 0
        self.data: socket.socket | None = None
        self.is_cut = False

    def getline(self) -> str:
        line: str = super().getline()
        if not self.answered and not line[:3].isdigit():
            raise ftplib.error_proto(line[:200])
        self.answered += len(line) + 2
        if self.answered > _REPLIES:
            raise ftplib.error_proto("its answer does not end")
        return line

    def putline(self, line: str) -> None:
        self.answered = 0
        super().putline(line)

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        """With the control connection's session, which many servers ask for as a proof that both are of one client."""
        self.data, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        self._check_cut()
        if isinstance(self.sock, ssl.SSLSocket):
            self.data = self.context.wrap_socket(self.data, server_hostname=self.host, session=self.sock.session)
        return self.data, size

    def open(self, host: str, port: int, *, implicit: bool) -> None:
        """Connect, and read the greeting; with TLS from the first byte where it is `implicit`."""
        self.host, self.port = host, port
        self.sock = connect(host, port, CONNECT, self.networks)
        self._check_cut()
        self.sock.settimeout(SILENCE)
        self.af = self.sock.family
        if implicit:
            self.sock = self.context.wrap_socket(self.sock, server_hostname=host)
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()

    def sign_in(self, user: str, password: str) -> None:
        """Sign in, with the data connections protected where this one is."""
        ftplib.FTP.login(self, user, password)
        if isinstance(self.sock, ssl.SSLSocket):
            self.prot_p()
        self.voidcmd("TYPE I")

    def tell(self, command: str, form: str) -> str:
        """What the only group of `form` finds in the answer; empty where the server doesn't know the command, or the file."""
        try:
            match = re.fullmatch(form, self.sendcmd(command))
        except ftplib.error_perm:
            return ""
        return match[1] if match else ""

    def begin(self, path: str, offset: int) -> None:
        """Ask for the file from `offset` on."""
        self.transfercmd(f"RETR {path}", offset or None)

    def read(self) -> bytes:
        """What comes next on the data connection; empty at its end."""
        assert self.data is not None
        return self.data.recv(_CHUNK)

    def end(self) -> None:
        """Close the data connection, and hear whether the server sent all it wanted to."""
        assert self.data is not None
        if isinstance(self.data, ssl.SSLSocket):
            with contextlib.suppress(OSError):  # the server did not wait for our goodbye, though others do
                self.data.unwrap()
        self.data.close()
        self.data = None
        self.voidresp()

    def cut(self) -> None:
        """Wake up the thread that waits for this connection; called from another one."""
        self.is_cut = True
        for sock in (self.data, self.sock):
            if sock is not None:
                with contextlib.suppress(OSError):  # it is closed already
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _check_cut(self) -> None:
        """A socket that was not there yet could not be cut."""
        if self.is_cut:
            raise EOFError("the connection was given up")

    def drop(self) -> None:
        """Close everything."""
        if self.data is not None:
            self.data.close()
        self.close()


class FtpTransfer:
    """Brings one file over ftp, or over ftps: with TLS from the first byte, or asked for by AUTH TLS."""

    def __init__(self, download: Download, previous: File | None, networks: Sequence[str]) -> None:
        self.download = download
        self.previous = previous
        self.networks = networks
        self.address = _address_of(download.url)

    async def attempt(self) -> Fetched:
        """Connect and read to the end. Raises Interrupted or TimeoutError where it is worth trying again, else DumpRefused."""
        thread = _Thread(self.download.url)
        try:
            connection = await self._connected(thread)
            return await self._fetched(thread, connection)
        finally:
            thread.end()

    async def _connected(self, thread: "_Thread") -> _Connection:
        address = self.address
        context = await thread.call(trust)
        ways = [(address.port or 21, False)]
        if address.is_secure:
            ways = [(address.port or _IMPLICIT, True), (address.port or 21, False)]
        for number, (port, implicit) in enumerate(ways, 1):
            connection = thread.connection = _Connection(context, self.networks)
            try:
                await thread.call(connection.open, address.host, port, implicit=implicit)
            except (_NoTls, Interrupted):
                if number == len(ways):
                    raise
                await thread.call(connection.drop)
                continue
            if address.is_secure and not implicit:
                await thread.call(connection.auth)
            await thread.call(connection.sign_in, address.user, address.password)
            return connection
        raise AssertionError

    async def _fetched(self, thread: "_Thread", connection: _Connection) -> Fetched:
        download = self.download
        version = await self._look(thread, connection)
        old = self.previous
        if old and version.last_modified and (version.total, version.last_modified) == (old.size, old.last_modified):
            return download.unchanged(old)
        if version != download.version or not version.last_modified or not download.have:
            await download.begin(version)
        await self._transfer(thread, connection)
        if await self._look(thread, connection) != version:
            await download.begin(Version())
            raise Interrupted("the file changed while it was fetched")
        if not download.is_whole:
            raise download.missing()
        path = download.part.with_name(f"fetched-{time.monotonic_ns()}")
        download.part.rename(path)
        return Fetched(name=name_of(_TYPE.sub("", download.url)), url=download.url, path=path, last_modified=version.last_modified)

    async def _look(self, thread: "_Thread", connection: _Connection) -> Version:
        """Size and date; a server that tells neither is believed when it says that a transfer is complete."""
        path = self.address.path
        size = await thread.call(connection.tell, f"SIZE {path}", r"213\s+(\d{1,18})\s*")
        modified = await thread.call(connection.tell, f"MDTM {path}", r"213\s+(\d{14})(?:\.\d+)?\s*")
        return Version(total=int(size) if size else None, last_modified=_http_date(modified))

    async def _transfer(self, thread: "_Thread", connection: _Connection) -> None:
        download = self.download
        if download.have and not await thread.call(connection.tell, f"REST {download.have}", r"(350).*"):
            await download.begin(download.version)
        total = download.version.total
        if total is not None and download.have >= total > 0:
            return
        await thread.call(connection.begin, self.address.path, download.have)
        await download.take(_chunks(thread, connection), None if total is None else total - download.have)
        await thread.call(connection.end)


async def _chunks(thread: "_Thread", connection: _Connection) -> AsyncIterator[bytes]:
    while chunk := await thread.call(connection.read):
        yield chunk


def _http_date(moment: str) -> str:
    """`20261124101500` as servers of the web write it; empty where it is no date."""
    try:
        when = datetime.datetime.strptime(moment, "%Y%m%d%H%M%S").replace(tzinfo=datetime.UTC)
        return email.utils.format_datetime(when, usegmt=True)
    except ValueError:
        return ""


class _NoTls(DumpRefused):
    """The server does not speak TLS at once; perhaps it does when it is asked to."""


class _Thread:
    """The thread in which one connection blocks, with a deadline for each step."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pool = ThreadPoolExecutor(1, "ftp")
        self.connection: _Connection | None = None

    async def call(self, function: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """What `function` gives. Raises Interrupted, TimeoutError or DumpRefused in place of what ftplib raises."""
        call = self.pool.submit(function, *arguments, **options)
        try:
            async with asyncio.timeout(ANSWER):
                return await asyncio.wrap_future(call)
        except (ftplib.error_temp, EOFError) as error:
            raise Interrupted(str(error) or "the server closed the connection") from error
        except ssl.SSLCertVerificationError as error:
            raise DumpRefused(f"{self.url} can't be fetched: its certificate is not trusted: {error}") from error
        except ftplib.Error as error:
            raise DumpRefused(f"{self.url} can't be fetched: the server answered {error}") from error
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError) as error:
            raise Interrupted(str(error)) from error
        except ssl.SSLError as error:
            raise _NoTls(f"{self.url} can't be fetched: no secure connection: {error}") from error
        except socket.gaierror as error:
            if error.errno == socket.EAI_NONAME:
                raise DumpRefused(f"{self.url} can't be fetched: there is no such host") from error
            raise Interrupted(str(error)) from error
        except OutOfReach as error:
            raise DumpRefused(f"{self.url} can't be fetched: {error.strerror}") from error
        except OSError as error:
            raise Interrupted(str(error) or type(error).__name__) from error

    def end(self) -> None:
        """Close the connection, wherever the thread is, without waiting for it."""
        if self.connection is not None:
            self.connection.cut()
            self.pool.submit(self.connection.drop)
        self.pool.shutdown(wait=False)
