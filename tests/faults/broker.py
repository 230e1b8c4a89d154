"""A RabbitMQ of the suite's own, which it may stop: the one that other tests use goes on."""

import asyncio
import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.faults.stack import free_port

PORTS = range(20_000, 30_000)
"""It listens on the port 20,000 above it too."""


class Broker:
    """One that the folder of `up` and `down` starts, on a port and on data of its own."""

    def __init__(self, services: Path, data: Path) -> None:
        self._services = services
        self._port = free_port(PORTS)
        # A daemon for names of its own, since both brokers have the same.
        own = {"LEAT_SERVICES_DATA": data, "RABBITMQ_PORT": self._port, "ERL_EPMD_PORT": free_port()}
        self._environment = os.environ | {name: str(value) for name, value in own.items()}

    @property
    def url(self) -> str:
        """Where it listens, after every start."""
        return f"amqp://guest:guest@127.0.0.1:{self._port}/"

    async def restart(self, *, crash: bool) -> None:
        """It goes, in order or as in a power cut, with everything it holds in memory alone, and comes back some seconds later."""
        await asyncio.to_thread(self.end, *(["--kill"] if crash else []))
        await asyncio.to_thread(self.begin)

    def begin(self) -> None:
        """Start it; returns when it takes connections."""
        self._run(self._services / "up", "rabbitmq")

    def end(self, *flags: str) -> None:
        """Stop it."""
        self._run(self._services / "down", *flags, "rabbitmq")

    def end_names(self) -> None:
        """Stop the daemon that it left behind."""
        self._run(Path("epmd"), "-kill")

    def _run(self, program: Path, *words: str) -> None:
        subprocess.run([program, *words], env=self._environment, check=True, capture_output=True)


@contextlib.contextmanager
def opened(services: Path) -> Iterator[Broker]:
    """A broker; it and its data are gone afterwards."""
    with tempfile.TemporaryDirectory() as data, contextlib.ExitStack() as stack:
        broker = Broker(services, Path(data))
        stack.callback(broker.end_names)
        stack.callback(broker.end, "--kill")
        broker.begin()
        yield broker
