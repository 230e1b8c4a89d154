"""Opens a hub once the servers are there that its settings name: a process that begins before them waits, and says what for."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext

from domain.hub import Hub
from events.supervision import supervised
from leat import data_folder
from leat.adapters import Unreached
from leat.settings import Settings
from leat.wiring import open_hub

log = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds between two tries."""
Meanwhile = Callable[[Callable[[], str]], AbstractAsyncContextManager[object]]
"""What is done as long as the process waits, given what tells the name of the port whose server is away."""


@asynccontextmanager
async def hub_when_there(settings: Settings, meanwhile: Meanwhile = nullcontext) -> AsyncIterator[Hub]:
    """The hub, as soon as every server answers. The process shows its pulse while it waits: it is not ill."""
    async with AsyncExitStack() as stack:
        yield await _entered(stack, settings, meanwhile)


async def _entered(stack: AsyncExitStack, settings: Settings, meanwhile: Meanwhile) -> Hub:
    try:
        return await stack.enter_async_context(open_hub(settings))
    except Unreached as error:
        away = error
    log.warning("waiting for a server", extra={"reason": str(away)})
    async with supervised(pulse=lambda: data_folder.beat(settings.data)), meanwhile(lambda: away.port):
        while True:
            await asyncio.sleep(PAUSE)
            try:
                return await stack.enter_async_context(open_hub(settings))
            except Unreached as error:
                if str(error) != str(away):
                    log.warning("waiting for a server", extra={"reason": str(error)})
                away = error
