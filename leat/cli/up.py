"""`leat up` and `leat work`: a hub, or workers beside one, until a signal."""

from collections.abc import Sequence

from leat import logs
from leat.cli.exits import Ended, Exit
from leat.serving import serving, working
from leat.settings import Settings, without_password
from leat.wiring import open_hub
from workers.catalogue import WORKERS


async def up(settings: Settings, concurrency: int) -> None:
    """Run gateway and all workers; says where they are."""
    logs.configure()
    async with serving(settings, concurrency) as (address, ended):
        print(f"Leat serves at {address.url}\ntoken {address.token}\nstop it with Ctrl-C", flush=True)
        await ended.wait()


async def work(settings: Settings, queues: Sequence[str], concurrency: int) -> None:
    """Run workers of these queues."""
    if settings.bus.startswith("embedded:"):
        told = (
            "workers of their own need a bus between processes: set LEAT_BUS=amqp://user:password@host/ for them and for `leat up`"
        )
        raise Ended(Exit.USAGE, told)
    if unknown := sorted(set(queues) - set(WORKERS)):
        raise Ended(Exit.USAGE, f"there is no queue {unknown[0]!r}; there are {', '.join(sorted(WORKERS))}")
    logs.configure()
    async with open_hub(settings) as hub, working(hub, queues, concurrency) as ended:
        print(f"working on {', '.join(queues)} of {hub.name} over {without_password(settings.bus)}", flush=True)
        await ended.wait()
