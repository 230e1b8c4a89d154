"""What the records said last of each API, kept in the data folder: so a gateway that never served an API can serve it while the
records are away."""

import asyncio
import logging
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from domain.data.apis import Api
from domain.hub import Hub
from domain.names import NAME

log = logging.getLogger(__name__)

RENEWED = 60.0
"""Seconds after which it is written again though it says the same, so that it says since when."""
FOLDER = "served"


class Kept:
    """One hub's APIs, one file for each."""

    def __init__(self, hub: Hub) -> None:
        self._folder = hub.data / FOLDER / hub.name
        self._said: dict[str, tuple[float, Api]] = {}
        """What this process wrote, and when."""
        self.told_at: dict[str, float] = {}
        """When the records spoke of it last, in Unix time."""

    async def note(self, name: str, api: Api | None) -> None:
        """Keep what the records say now; None: there is no such API."""
        now, file = time.time(), self._file(name)
        if api is None:
            self._said.pop(name, None)
            self.told_at.pop(name, None)
            if file is not None and file.exists():
                file.unlink(missing_ok=True)
            return
        self.told_at[name] = now
        at, said = self._said.get(name, (0.0, None))
        if file is not None and (said != api or now - at >= RENEWED):
            self._said[name] = now, api
            await asyncio.to_thread(_write, file, msgspec.json.encode(api))

    async def read(self, name: str) -> Api | None:
        """What they said last, to whichever process on this data folder; None where that is not known."""
        file = self._file(name)
        if file is None:
            return None
        with suppress(OSError, msgspec.DecodeError):  # not there, or of another version: then it is not known
            api = msgspec.json.decode(await asyncio.to_thread(file.read_bytes), type=Api)
            self.told_at[name] = file.stat().st_mtime
            return api
        return None

    def _file(self, name: str) -> Path | None:
        """Of a name that can be one: whoever asks may write anything there."""
        return self._folder / f"{name}.json" if NAME.match(name) else None


def _write(file: Path, content: bytes) -> None:
    """Where it fails, of a full disk, say, APIs are served as before; what is full is told elsewhere."""
    part = file.with_suffix(".part")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(file)
    except OSError as error:
        log.warning("what is served was not kept", extra={"file": str(file), "error": str(error)})
