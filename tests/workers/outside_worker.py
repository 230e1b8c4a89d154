"""A worker in a process of its own, whose uploads are made elsewhere: `python -m tests.workers.outside_worker FOLDER`."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from domain.hub import Limits
from domain.jobs.reaper import void_leases
from domain.jobs.retries import Retry
from events.sources import UploadSource
from tests.domain.jobs.elsewhere import Site
from tests.domain.jobs.processes import open_hub, other
from workers.context import Registration
from workers.worker import Worker


async def main(data: Path) -> None:
    """Work on the embedded hub of this folder until SIGTERM; first go on with what an earlier process left."""
    async with open_hub(data, Limits(quiet=0.0, grace=20.0)) as opened:
        hub = other(opened, f"process {os.getpid()}")
        site = Site(hub)
        made = Registration(
            command=UploadSource, handler=site.upload, retry=Retry(base=0.0), outside=lambda command, hub: site.outside
        )
        worker = Worker(hub, (made,), 1)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
        running = asyncio.create_task(worker.run())
        await void_leases(hub)
        await running


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
