"""Fetches one URL over http(s) or ftp(s): only if it changed, resumed after a cut, tried again, limited and measured."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from events.sources import File
from workers.dump.addresses import scheme_of
from workers.dump.download import Advance, Download, Fetched, Interrupted
from workers.dump.errors import DownloadFailed
from workers.dump.over_ftp import FtpTransfer
from workers.dump.over_http import HttpTransfer


class Fetcher:
    """Fetches files into a folder.

    `limit`: bytes that a file may have. `attempts`: failures in a row, without a byte that was never held before, that end it.
    `pause`: seconds before the second attempt, doubled for each further one. `networks`: what may be reached beyond what is public.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        folder: Path,
        limit: int,
        *,
        networks: Sequence[str] = ("private",),
        attempts: int = 5,
        pause: float = 1.0,
    ) -> None:
        self.session = session
        self.folder = folder
        self.limit = limit
        self.networks = networks
        self.attempts = attempts
        self.pause = pause

    async def fetch(self, url: str, previous: File | None, advance: Advance) -> Fetched:
        """The file behind `url`, not transferred where it is known to equal `previous`.

        Raises DownloadFailed where the server can't be reached or breaks off too often, DumpRefused where trying again is of no
        use.
        """
        download = Download(url, self.folder, self.limit, advance)
        transfer: FtpTransfer | HttpTransfer
        if scheme_of(url) in ("ftp", "ftps"):
            transfer = FtpTransfer(download, previous, self.networks)
        else:
            transfer = HttpTransfer(self.session, download, previous, self.networks)
        failures = 0
        while True:
            most = download.most
            try:
                return await transfer.attempt()
            except (Interrupted, aiohttp.ClientError, TimeoutError) as error:
                failures = 1 if download.most > most else failures + 1
                if failures >= self.attempts:
                    reason = str(error) or type(error).__name__
                    raise DownloadFailed(f"{url} could not be fetched: {reason} ({failures} attempts)") from error
                wait = error.wait if isinstance(error, Interrupted) else 0.0
                await asyncio.sleep(max(wait, self.pause * 2 ** (failures - 1)))


__all__ = ["Advance", "Fetched", "Fetcher"]
