"""`leat up` and `leat work`: a hub, or workers beside one, until a signal."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

from domain.masking import masked
from leat import log_lines
from leat.cli.exits import Ended, Exit
from leat.data_folder import TOKEN
from leat.loop import spare_what_stays
from leat.scaling import Scale, scale_workers
from leat.serving import serving, until_signal, working
from leat.settings import Settings
from leat.waiting import hub_when_there
from workers.catalogue import WORKERS

log = logging.getLogger(__name__)


async def up(settings: Settings, concurrency: int, *, workers: bool = True) -> None:
    """Run a gateway and, unless told otherwise, all workers; says where they are."""
    if not workers:
        _refuse_embedded(settings, "a gateway without workers needs a bus between processes", "`leat work`")
    log_lines.configure()
    queues = sorted(WORKERS) if workers else ()
    is_new = not (settings.data / TOKEN).exists()
    async with serving(settings, concurrency, queues=queues) as (address, ended):
        told = token_told(settings, address.token, is_new)
        print(f"Leat serves at {address.told}\ntoken {told}\nstop it with Ctrl-C", flush=True)
        spare_what_stays()
        await _stopping(ended, settings)


def token_told(settings: Settings, token: str, is_new: bool) -> str:
    """The token where it was made just now, or a terminal shows it; else where it is, since what is printed may be kept."""
    if settings.token.get_secret_value():
        return "as LEAT_TOKEN sets it"
    return token if is_new or sys.stdout.isatty() else f"in {settings.data / TOKEN}"


async def work(settings: Settings, queues: Sequence[str], concurrency: int, *, until_eof: bool = False) -> None:
    """Run workers of these queues; `until_eof`: only as long as standard input, a pipe, is open."""
    _check_queues(settings, queues)
    log_lines.configure()
    async with hub_when_there(settings) as hub, working(hub, queues, concurrency) as ended:
        with _stopped_at_eof(ended) if until_eof else nullcontext():
            print(f"working on {', '.join(queues)} of {hub.name} over {masked(settings.bus)}", flush=True)
            spare_what_stays()
            await _stopping(ended, settings)


async def work_scaled(settings: Settings, queues: Sequence[str], scale: Scale, command: Sequence[str]) -> None:
    """Run processes of workers of these queues, each started by `command`, as many as the backlog wants."""
    _check_queues(settings, queues)
    log_lines.configure()
    async with hub_when_there(settings) as hub, until_signal(hub.data) as ended:
        print(f"scaling {', '.join(queues)} of {hub.name} from {scale.minimum} to {scale.maximum} processes", flush=True)
        await scale_workers(hub, queues, scale, command, ended, for_member(settings))


def for_member(settings: Settings) -> bytes:
    """A line with the settings for a process of the scaler's. Only gateways need the token."""
    secrets = {name: getattr(settings, name).get_secret_value() for name in ("mail", "secret")}
    return json.dumps(settings.model_dump(mode="json", exclude={"token"}) | secrets).encode() + b"\n"


async def _stopping(ended: asyncio.Event, settings: Settings) -> None:
    """Wait for the signal, and say what it sets off: who does not know might think that it hangs."""
    await ended.wait()
    log.info(
        "stopping: running jobs may end within the grace time, others go on later; a second signal ends at once",
        extra={"grace": settings.grace},
    )


def _check_queues(settings: Settings, queues: Sequence[str]) -> None:
    _refuse_embedded(settings, "workers of their own need a bus between processes", "`leat up`")
    if unknown := sorted(set(queues) - set(WORKERS)):
        raise Ended(Exit.USAGE, f"there is no queue {unknown[0]!r}; there are {', '.join(sorted(WORKERS))}")


def _refuse_embedded(settings: Settings, reason: str, other: str) -> None:
    if settings.bus.startswith("embedded:"):
        raise Ended(Exit.USAGE, f"{reason}: set LEAT_BUS=amqp://user:password@host/ for it and for {other}")


@contextmanager
def _stopped_at_eof(ended: asyncio.Event) -> Iterator[None]:
    loop, descriptor = asyncio.get_running_loop(), sys.stdin.fileno()

    def look() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            ended.set()

    loop.add_reader(descriptor, look)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
