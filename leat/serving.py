"""A hub's processes: gateway and workers in one, or workers alone; how they start, and the order in which they stop."""

import asyncio
import errno
import logging
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from aiohttp import web

from domain.callers import ADMINISTRATOR
from domain.errors import LeatError
from domain.hub import Hub
from domain.jobs.reaper import Reaper, void_leases
from gateway.app import make_app
from gateway.authentication import Authentication
from leat import data_folder as folder
from leat import listeners as ports
from leat.cli.address import TOKEN_FILE, URL_FILE, Address, listening_at
from leat.cli.health import PULSE, PULSE_FILE
from leat.settings import Settings
from leat.signals import stop_on_signals
from leat.wiring import open_hub
from workers.catalogue import WORKERS
from workers.worker import Worker

log = logging.getLogger(__name__)


class PortTaken(LeatError):
    """The gateway's port is in use."""

    code = "PORT_TAKEN"


@asynccontextmanager
async def serving(
    settings: Settings, concurrency: int = 2, *, queues: Sequence[str] = tuple(sorted(WORKERS))
) -> AsyncIterator[tuple[Address, asyncio.Event]]:
    """A gateway with workers of these queues, all of them unless told otherwise, in this process; the event is set by a signal.
    Raises FolderRefused or PortTaken."""
    with ExitStack() as stack:
        stack.enter_context(folder.held(settings.data))
        token = settings.token.get_secret_value() or kept_token(settings.data)
        async with open_hub(settings) as hub:
            alone = settings.bus.startswith("embedded:")
            async with working(hub, queues, concurrency, alone=alone) as ended, listening(hub, settings, token) as url:
                for file in (URL_FILE, PULSE_FILE):  # workers beside it in the same folder show theirs again
                    stack.callback((settings.data / file).unlink, missing_ok=True)
                (settings.data / URL_FILE).write_text(f"{url}\n")
                yield Address(url, token), ended


@asynccontextmanager
async def working(hub: Hub, queues: Sequence[str], concurrency: int, *, alone: bool = False) -> AsyncIterator[asyncio.Event]:
    """Workers of these queues, where there are any, and a reaper. Behind the block they stop in order; a second signal exits at
    once."""
    if alone:
        await void_leases(hub)
    async with until_signal(hub.data) as ended:
        registrations = [registration for queue in queues for registration in WORKERS[queue]]
        worker = Worker(hub, registrations, concurrency)
        workers = [asyncio.create_task(worker.run())] if queues else []
        reaper = asyncio.create_task(Reaper(hub).run())
        for task in (*workers, reaper):
            task.add_done_callback(lambda _: ended.set())
        try:
            yield ended
        finally:
            worker.stop()
            if workers:
                await asyncio.wait(workers)
            reaper.cancel()
            results = await asyncio.gather(*workers, reaper, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


@asynccontextmanager
async def until_signal(data: Path) -> AsyncIterator[asyncio.Event]:
    """What every process of a hub does while it lives: set the event at a signal, and show the data folder a pulse."""
    ended = asyncio.Event()
    pulse = asyncio.create_task(_beat(data / PULSE_FILE))
    try:
        with stop_on_signals(ended.set):
            yield ended
    finally:
        pulse.cancel()
        await asyncio.gather(pulse, return_exceptions=True)


async def _beat(file: Path) -> None:
    while True:
        try:
            await asyncio.to_thread(file.touch)
        except OSError as error:  # a full disk, say: then the health check says what is true
            log.warning("pulse not shown", extra={"error": str(error)})
        await asyncio.sleep(PULSE)


@asynccontextmanager
async def listening(hub: Hub, settings: Settings, token: str) -> AsyncIterator[str]:
    """The gateway on its port; yields its URL."""
    app = make_app(hub, Authentication({token: ADMINISTRATOR}))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    try:
        await _listen(runner, settings)
        host, port = runner.addresses[0][:2]
        yield listening_at(host, port)
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, settings: Settings) -> None:
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            taken = f"port {settings.port} is taken by {ports.holder(settings.port)}; stop that, or set LEAT_PORT to another one"
            raise PortTaken(taken) from error
        raise PortTaken(f"LEAT_HOST={settings.host}, LEAT_PORT={settings.port}: {error.strerror}") from error


def kept_token(data: Path) -> str:
    """The token of the data folder, made at the first start; only its owner can read it."""
    file = data / TOKEN_FILE
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text().strip()
    with os.fdopen(descriptor, "w") as written:
        written.write(f"{secrets.token_urlsafe(24)}\n")
    return file.read_text().strip()
