"""A hub of real processes on a folder of its own, embedded or on the three servers, that can be killed piece by piece."""

import asyncio
import contextlib
import os
import random
import re
import secrets
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from elasticsearch import AsyncElasticsearch
from motor.motor_asyncio import AsyncIOMotorClient

from leat.settings import Settings
from leat.urls import Address
from tests.events.buses import remove
from tests.faults.fork_server import ForkServer
from tests.faults.proxy import Cable

LEASE = 1.0
PATIENCE = 120.0
"""Seconds that anything may take on a busy machine before it counts as never."""
READY = re.compile(r"^(Leat serves at|working on) ", re.MULTILINE)
SERVERS = ("rabbitmq", "mongodb", "elasticsearch")


async def until(true: Callable[[], bool | Awaitable[bool]], what: str, seconds: float = PATIENCE) -> None:
    """Look until it is true, for what happens in other processes."""
    deadline = time.monotonic() + seconds
    while True:
        found = true()
        if found if isinstance(found, bool) else await found:
            return
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        await asyncio.sleep(0.02)


@dataclass
class Member:
    """One process of the hub, under a name that outlives it."""

    words: tuple[str, ...]
    pid: int = 0
    code: int | None = None
    """How it ended; None while it runs."""
    output: Path = Path()
    starts: int = 0


@dataclass
class Stack:
    """Where the hub lives, its processes, and the cables to its servers."""

    fork_server: ForkServer
    folder: Path
    environment: dict[str, str]
    cables: dict[str, Cable] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    direct: dict[str, str] = field(default_factory=dict)
    """Settings that reach the servers without a cable."""
    token: str = "token"

    @property
    def data(self) -> Path:
        """The data folder."""
        return Path(self.environment["LEAT_DATA"])

    @property
    def address(self) -> Address:
        """Where its gateway is, the same after every start."""
        return Address(f"http://127.0.0.1:{self.environment['LEAT_PORT']}", self.token)

    @property
    def settings(self) -> Settings:
        """To open the same stores in this process, past the cables."""
        values = {name.removeprefix("LEAT_").lower(): value for name, value in {**self.environment, **self.direct}.items()}
        return Settings(**{name: value for name, value in values.items() if name in Settings.model_fields})  # type: ignore[arg-type]

    async def start(self, name: str, *words: str) -> None:
        """Start a process and wait until it serves; again, as an orchestrator would, where it ends because a server is away."""
        member = self.members.setdefault(name, Member(words))
        deadline = time.monotonic() + PATIENCE
        while True:
            if await self._started(name, member):
                return
            assert time.monotonic() < deadline, f"{name} does not come up:\n{self.said(name)}"
            await asyncio.sleep(0.2)

    async def _started(self, name: str, member: Member) -> bool:
        member.starts += 1
        member.output = self.folder / f"{name}-{member.starts}.log"
        member.output.touch()
        member.pid = self.fork_server.start(member.words, self.environment, self.folder, member.output)
        member.code = None
        await until(lambda: READY.search(member.output.read_text()) is not None or not self.lives(name), f"start of {name}")
        return self.lives(name)

    def lives(self, name: str) -> bool:
        """Whether the process runs."""
        member = self.members[name]
        if member.pid and member.code is None:
            member.code = self.fork_server.ended(member.pid)
        return bool(member.pid) and member.code is None

    def pid(self, name: str) -> int:
        """Its number."""
        return self.members[name].pid

    def name_of(self, pid: int) -> str | None:
        """The member that has this number now."""
        return next((name for name in self.members if self.lives(name) and self.pid(name) == pid), None)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        if self.lives(name):
            os.kill(self.pid(name), number)

    async def gone(self, name: str, seconds: float = PATIENCE) -> int:
        """Wait for its end; returns its exit code."""
        await until(lambda: not self.lives(name), f"end of {name}", seconds)
        code = self.members[name].code
        assert code is not None
        return code

    async def kill(self, name: str) -> None:
        """kill -9."""
        self.signal(name, signal.SIGKILL)
        await self.gone(name)

    async def stop(self, name: str) -> None:
        """SIGTERM, and it has to end in order."""
        self.signal(name, signal.SIGTERM)
        code = await self.gone(name)
        assert code == 0, f"{name} ended with {code}:\n{self.said(name)}"

    async def stop_all(self) -> None:
        """Stop what still runs, workers before the gateway."""
        for name in sorted(self.members, key=lambda each: each == "up"):
            if self.lives(name):
                await self.stop(name)

    def descendants(self) -> list[int]:
        """Child processes of the hub, wherever they are: all whose environment names its folder, and that are no member."""
        own = {self.pid(name) for name in self.members if self.lives(name)}
        return sorted(pid for pid in processes_of(self.folder) if pid not in own and pid != os.getpid())

    def said(self, name: str) -> str:
        """The end of what it printed."""
        return self.members[name].output.read_text()[-6000:]


def processes_of(folder: Path) -> Iterator[int]:
    """Every process that has the folder in its environment."""
    mark = os.fsencode(folder)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it ended, or is a zombie
                if mark in (entry / "environ").read_bytes():
                    yield int(entry.name)


def free_port(among: Sequence[int] = (0,)) -> int:
    """A port of this machine that nobody listens on, any or one of these."""
    while True:
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", random.choice(among)))
            return int(free.getsockname()[1])


def environment_of(folder: Path, **settings: str) -> dict[str, str]:
    """A hub's environment: nothing of the developer's settings."""
    passed = {name: value for name, value in os.environ.items() if not name.startswith("LEAT_")}
    return passed | {
        "LEAT_DATA": str(folder / "data"),
        "LEAT_PORT": str(free_port()),
        "LEAT_TOKEN": "token",
        "LEAT_LEASE": str(LEASE),
        "LEAT_GRACE": "0.3",
        "LEAT_DOWNLOAD_NETWORKS": "private",  # the sources are on this machine
        **settings,
    }


@contextlib.asynccontextmanager
async def embedded(fork_server: ForkServer, folder: Path, **settings: str) -> AsyncIterator[Stack]:
    """The whole hub in one process."""
    stack = Stack(fork_server, folder, environment_of(folder, **settings))
    try:
        await stack.start("up", "up")
        yield stack
    finally:
        for name in stack.members:
            await stack.kill(name)


@contextlib.asynccontextmanager
async def on_servers(
    fork_server: ForkServer, folder: Path, urls: dict[str, str], **members: tuple[str, ...]
) -> AsyncIterator[Stack]:
    """A hub on the three servers, each behind a cable: a gateway without workers, and the named members, such as
    `dump=("work", "dump")`. What it made on the servers is removed behind it."""
    name = f"f{secrets.token_hex(4)}"
    cables = {server: Cable(urls[server]) for server in SERVERS}
    direct = {
        "LEAT_BUS": urls["rabbitmq"],
        "LEAT_RECORDS": f"{urls['mongodb'].rstrip('/')}/{name}",
        "LEAT_DOCUMENTS": f"{urls['mongodb'].rstrip('/')}/{name}",
        "LEAT_SEARCH": urls["elasticsearch"],
    }
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(_wipe, urls, name)
        for cable in cables.values():
            await cable.listen()
            stack.push_async_callback(cable.close)
        patience = "?serverSelectionTimeoutMS=3000&connectTimeoutMS=3000&socketTimeoutMS=5000"
        near = f"{cables['mongodb'].url.rstrip('/')}/{name}{patience}"
        settings = {
            "LEAT_NAME": name,
            "LEAT_BUS": f"{cables['rabbitmq'].url}?heartbeat=1",
            "LEAT_RECORDS": near,
            "LEAT_DOCUMENTS": near,
            "LEAT_SEARCH": cables["elasticsearch"].url,
        }
        hub = Stack(fork_server, folder, environment_of(folder, **settings), cables, direct=direct)
        try:
            await hub.start("up", *members.pop("up", ("up", "--no-workers")))
            await asyncio.gather(*(hub.start(each, *words) for each, words in members.items()))
            yield hub
        finally:
            for each in hub.members:
                await hub.kill(each)


async def _wipe(urls: dict[str, str], name: str) -> None:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(urls["mongodb"])
    found = await client[name].list_collection_names()
    hubs = {each.rsplit(".", 1)[0] for each in found if each.endswith(".collections")}
    await client.drop_database(name)
    await asyncio.to_thread(client.close)
    async with AsyncElasticsearch(urls["elasticsearch"]) as search:
        indexes = await search.indices.get(index=f"{name}-*", expand_wildcards="all")
        for index in indexes:
            await search.indices.delete(index=index)
    for hub in hubs:
        await remove(urls["rabbitmq"], hub)
