"""Other processes over the same data, ended with the test."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.adapters.places import Place

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def process(what: str, place: Place, *arguments: object) -> AsyncIterator[Process]:
    """Run a function of tests.adapters.process; its lines are read from stdout."""
    command = ["-m", "tests.adapters.process", what, *place, *map(str, arguments)]
    started = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=PIPE, stderr=PIPE, cwd=ROOT)
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()
