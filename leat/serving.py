"""A hub's processes: gateway and workers in one, or workers alone; how they start, and the order in which they stop."""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from aiohttp import web

from domain.callers import ADMINISTRATOR
from domain.errors import LeatError
from domain.hub import Hub
from domain.jobs.reaper import Reaper, void_leases
from events.supervision import supervised
from gateway.app import make_app
from gateway.authentication import Authentication
from gateway.connections import Runner
from gateway.rates import Proxies
from gateway.rest.limits import Limits
from gateway.waiting import make_waiting_app
from leat import data_folder, listeners
from leat.descriptors import for_connections, raise_limit
from leat.settings import Settings
from leat.signals import stop_on_signals
from leat.tls import Certificate
from leat.urls import Address, listening_at
from leat.waiting import hub_when_there
from workers.catalogue import WORKERS
from workers.worker import Worker


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
        stack.enter_context(data_folder.held(settings.data))
        token = settings.token.get_secret_value() or data_folder.kept_token(settings.data)
        certificate = Certificate(settings.cert, settings.key) if settings.cert or settings.key else None
        async with hub_when_there(settings, partial(answering_meanwhile, settings, certificate)) as hub:
            alone = settings.bus.startswith("embedded:")
            gateway = listening(hub, settings, token, certificate)
            async with working(hub, queues, concurrency, alone=alone) as ended, gateway as url:
                # Workers beside it in the same folder show their pulse again.
                for file in (data_folder.URL, data_folder.PULSE, data_folder.FINGERPRINT):
                    stack.callback((settings.data / file).unlink, missing_ok=True)
                (settings.data / data_folder.URL).write_text(f"{url}\n")
                shown = certificate.fingerprint() if certificate else ""
                yield Address(url, token, fingerprint=shown, public=settings.public_url), ended


@asynccontextmanager
async def working(hub: Hub, queues: Sequence[str], concurrency: int, *, alone: bool = False) -> AsyncIterator[asyncio.Event]:
    """Workers of these queues, where there are any, and a reaper. Behind the block they stop in order; a second signal exits at
    once.

    The reaper commits changes too: it works only while others know what this process can follow.
    """
    if alone:
        await void_leases(hub)
    async with until_signal(hub.data) as ended:
        worker = Worker(hub, [registration for queue in queues for registration in WORKERS[queue]], concurrency)
        running = asyncio.create_task(worker.run())  # without queues too: every process says that it is there
        running.add_done_callback(lambda _: ended.set())
        try:
            await _first(worker.announced, ended)
            async with supervised(reaper=Reaper(hub).run):
                yield ended
        finally:
            worker.stop()
            await running


async def _first(*events: asyncio.Event) -> None:
    """Wait until one of them is set."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


@asynccontextmanager
async def until_signal(data: Path) -> AsyncIterator[asyncio.Event]:
    """What every process of a hub does while it lives: set the event at a signal, and show the data folder a pulse. It may open as
    many files as it can be allowed to."""
    raise_limit()
    ended = asyncio.Event()
    async with supervised(pulse=partial(data_folder.beat, data)):
        with stop_on_signals(ended.set):
            yield ended


@asynccontextmanager
async def answering_meanwhile(settings: Settings, certificate: Certificate | None, port: Callable[[], str]) -> AsyncIterator[None]:
    """What clients are told at the gateway's address until its hub can be opened: what it waits for, the server of `port`."""
    runner = web.AppRunner(make_waiting_app(port), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await _listen(runner, settings, certificate)
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def listening(hub: Hub, settings: Settings, token: str, certificate: Certificate | None = None) -> AsyncIterator[str]:
    """The gateway on its port; yields its URL."""
    answers = Limits(hits=settings.answer_hits, bytes=settings.answer_size)
    proxies = Proxies(settings.proxies.replace(",", " ").split())
    known = Authentication({token: ADMINISTRATOR})
    app = make_app(hub, known, answers=answers, rate=settings.rate, proxies=proxies, public=settings.public_url)
    runner = Runner(app, connections=for_connections(settings.connections), access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    try:
        await _listen(runner, settings, certificate)
        host, port = runner.addresses[0][:2]
        async with _certified(certificate, settings.data / data_folder.FINGERPRINT):
            yield listening_at(host, port, settings.cert)
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _certified(certificate: Certificate | None, file: Path) -> AsyncIterator[None]:
    """Tell the command line which certificate is served, and go on telling it as it is renewed."""
    if certificate is None:
        yield
        return

    def tell() -> None:
        file.write_text(certificate.fingerprint())

    tell()
    async with supervised(certificate=partial(certificate.keep_current, tell)):
        yield


async def _listen(runner: web.AppRunner, settings: Settings, certificate: Certificate | None) -> None:
    context = certificate.context if certificate else None
    try:
        await web.TCPSite(runner, settings.host, settings.port, ssl_context=context).start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            holder = listeners.holder(settings.port)
            raise PortTaken(f"port {settings.port} is taken by {holder}; stop that, or set LEAT_PORT to another one") from error
        raise PortTaken(f"LEAT_HOST={settings.host}, LEAT_PORT={settings.port}: {error.strerror}") from error
