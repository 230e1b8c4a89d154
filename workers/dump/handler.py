"""DumpSource: fetch what changed, name the release, unpack, store the files and make them the source's newest dump."""

import asyncio
import contextlib
import hashlib
import os
import shutil
import time
import urllib.parse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import aiohttp
import msgspec

from domain.data.manifests import SCHEMES
from domain.data.sources import SOURCES, Source
from domain.errors import JobFailed, NotReady
from domain.masking import masked
from domain.names import unused
from domain.nouns import Stored, owner
from domain.room import check_room
from domain.wording import counted
from events.message import new_id
from events.sources import DumpSource, File, SourceDumped
from workers.context import JobContext, Level
from workers.dump.addresses import scheme_of
from workers.dump.check import check_content, name_as_packed
from workers.dump.connection import open_session, trust
from workers.dump.download import Fetched
from workers.dump.errors import DumpRefused
from workers.dump.fetch import Fetcher
from workers.dump.local import Owns, fetch_local, nobodys, path_of
from workers.dump.names import safe_release
from workers.dump.release import release_of
from workers.dump.unpack import is_packed, packed_size, unpack_folder
from workers.outputs import has_files
from workers.plugin.calls import open_plugin

_HEAVY = 2**23
"""Packed bytes from which on unpacking gets a process of its own; less is done sooner than a process starts."""


async def dump_source(command: DumpSource, context: JobContext) -> SourceDumped:
    """The dump; `unchanged` where the release and all files are those of the newest one."""
    stored, previous = await _look(command, context)
    named = await _asked(stored, previous, context)
    known = {} if previous is None or command.force else _known(stored.value, previous)
    folder = context.scratch / "release"
    fetched, digests = await _collect(await _fetch(stored, known, context), folder, stored.value, previous, context)
    release = safe_release(named or release_of(fetched, list(digests.values())))
    if previous and not command.force and _same(stored.value, release, digests, previous):
        await context.log(f"release {release} is the newest already: nothing changed")
        return _event(context, previous, unchanged=True)
    if stored.value.manifest.uncompress:
        await _unpack(folder, context)
    files = await asyncio.to_thread(_describe, folder, fetched, digests)
    if empty := [file.name for file in files if not file.size]:
        which = "every file" if len(empty) == len(files) else ", ".join(empty[:10]) + ", …" * (len(empty) > 10)
        await context.log(f"empty in release {release}: {which}", "warning")
    dump = SourceDumped(
        source=stored.id,
        release=release,
        output=context.output,
        files=files,
        size=sum(file.size for file in files),
        name=unused(release, [dump.called for dump in stored.value.outputs if isinstance(dump, SourceDumped)]),
    )
    return await _store(_event(context, dump), folder, context)


def _known(source: Source, previous: SourceDumped) -> dict[str, File]:
    """The files of the newest dump by URL, none of which is fetched again as long as it does not change. Where they are not
    unpacked any more, all are fetched: a packed one may have got another name."""
    if not source.manifest.uncompress and any(not file.url for file in previous.files):
        return {}
    urls = Counter(map(masked, source.manifest.data_url))  # a dump keeps them without secrets, so some may look alike
    return {url: file for file in previous.files if (url := masked(file.url)) and urls[url] < 2}


def _event(context: JobContext, dump: SourceDumped, *, unchanged: bool = False) -> SourceDumped:
    """The same dump as an event of this job."""
    return msgspec.structs.replace(
        dump,
        id=new_id(),
        at=time.time(),
        job_id=owner(context.output)[0],
        run_id=context.job.run_id,
        cause_id=context.job.cause_id,
        unchanged=unchanged,
    )


async def _look(command: DumpSource, context: JobContext) -> tuple[Stored[Source], SourceDumped | None]:
    """The source, and its newest dump, pinned so that its files can be read; None where they are gone."""
    records = context.hub.records
    stored = await SOURCES.get(records, command.source)
    if newest := stored.value.newest(SourceDumped):
        await context.pin(newest.output)
        stored = await SOURCES.get(records, command.source)
    if stored.value.disabled:
        raise NotReady(f"source {command.source} is disabled: its files are not fetched")
    if not stored.value.manifest.data_url:
        raise DumpRefused(f"the manifest of {command.source} names no data_url")
    previous = stored.value.newest(SourceDumped)
    if previous and not await has_files(_place(previous), (file.name for file in previous.files), context):
        return stored, None
    if previous:
        check_room(context.scratch, 2 * previous.size, f"a new dump of {command.source}")
    return stored, previous


async def _asked(stored: Stored[Source], previous: SourceDumped | None, context: JobContext) -> str:
    """What the manifest's release function says; empty where there is none."""
    if not stored.value.manifest.release:
        return ""

    async def log(text: str, level: str) -> None:
        await context.log(text, cast(Level, level))

    async with context.hub.files.local(_code(stored)) as code:
        plugin = await open_plugin(
            stored.value.manifest,
            name=stored.id,
            code=code,
            home=context.scratch / "plugin",
            environments=context.hub.environments,
            limits=context.hub.limits,
            log=log,
        )
        return await plugin.release(previous.release if previous else "")


def _code(stored: Stored[Source]) -> str:
    """The folder of the plugin's code in Files."""
    return f"plugins/{stored.value.code}/{stored.id}"


async def _fetch(stored: Stored[Source], known: dict[str, File], context: JobContext) -> list[Fetched]:
    """Every file behind the manifest's URLs, one after the other."""
    urls = tuple(dict.fromkeys(stored.value.manifest.data_url))
    for url in urls:
        _check_scheme(url)
    limit, networks = context.hub.limits.download_size, context.hub.limits.download_networks
    folder = context.scratch / "fetched"
    folder.mkdir()
    tally = _Tally(context, len(urls))
    fetched: list[Fetched] = []
    async with contextlib.AsyncExitStack() as stack:
        session: aiohttp.ClientSession | None = None
        for number, url in enumerate(urls):
            place = folder / str(number)
            place.mkdir()
            await context.log(f"fetching {url}")
            if scheme_of(url) == "file":
                path, owns = await _local_path(url, stored, stack, context)
                fetched += await asyncio.to_thread(fetch_local, url, path, place, known, limit, owns)
            else:
                if session is None:
                    session = await stack.enter_async_context(open_session(await asyncio.to_thread(trust)))
                fetched.append(
                    await Fetcher(session, place, limit, networks=networks).fetch(url, known.get(masked(url)), tally.advance)
                )
            await tally.next()
    for file in fetched:
        for warning in file.warnings:
            await context.log(warning, "warning")
    return fetched


def _check_scheme(url: str) -> None:
    scheme = scheme_of(url)
    if scheme not in SCHEMES:
        raise DumpRefused(f"{url}: {scheme or 'no scheme'} can't be fetched; {', '.join(SCHEMES)} can")


def _check_names(fetched: Sequence[Fetched]) -> None:
    urls: dict[str, str] = {}
    for file in fetched:
        if file.name in urls:
            raise DumpRefused(f"{urls[file.name]} and {file.url} are both named {file.name}")
        urls[file.name] = file.url


async def _local_path(url: str, stored: Stored[Source], stack: contextlib.AsyncExitStack, context: JobContext) -> tuple[Path, Owns]:
    if Path(urllib.parse.urlsplit(url).path).is_absolute():
        return path_of(url, Path()), context.hub.owns
    return path_of(url, await stack.enter_async_context(context.hub.files.local(_code(stored)))), nobodys


async def _collect(
    fetched: Sequence[Fetched], folder: Path, source: Source, previous: SourceDumped | None, context: JobContext
) -> tuple[list[Fetched], dict[str, str]]:
    """Move or link every file into `folder` and check it; returns them, named as they lie there, and the sha256 of each by name."""
    _check_names(fetched)
    digests = {}
    named = []
    for file in fetched:
        target = folder / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.path is not None:
            file.path.rename(target)
            await asyncio.to_thread(check_content, target, file.name)
            digest = await asyncio.to_thread(_sha256, target)
        else:
            assert previous
            assert file.previous
            async with context.hub.files.local(f"{_place(previous)}/{file.previous.name}") as path:
                await asyncio.to_thread(_link, path, target)
            digest = await asyncio.to_thread(_sha256, target)
            if digest != file.previous.sha256:
                raise DumpRefused(f"{file.name} of the dump before is not what was fetched: dump the source again with --force")
        named.append(
            msgspec.structs.replace(file, name=_name_to_unpack(target, file.name) if source.manifest.uncompress else file.name)
        )
        digests[named[-1].name] = digest
    _check_names(named)
    for file, renamed in zip(fetched, named, strict=True):
        (folder / file.name).rename(folder / renamed.name)
    return named, digests


def _name_to_unpack(path: Path, name: str) -> str:
    """What is unpacked lies at the top, and has a name that tells so."""
    return name if "/" in name else name_as_packed(path, name)


def _link(source: Path, target: Path) -> None:
    """The same content at another place, without copying where the file system can: stored files never change."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _place(dump: SourceDumped) -> str:
    """The folder of a dump in Files."""
    return f"dumps/{dump.output}/{dump.source}/{dump.release}"


def _same(source: Source, release: str, digests: dict[str, str], previous: SourceDumped) -> bool:
    """Would a new dump hold just what the newest one holds?"""
    before = {file.name: file.sha256 for file in previous.files if file.url}
    unpacks = source.manifest.uncompress and any(map(is_packed, digests))
    unpacked = any(not file.url for file in previous.files)
    return release == previous.release and before == digests and unpacks == unpacked


async def _unpack(folder: Path, context: JobContext) -> None:
    packed = await asyncio.to_thread(packed_size, folder)
    if packed > _HEAVY:
        try:
            await context.child("unpack", {"folder": str(folder)})
        except JobFailed as error:
            if error.code == DumpRefused.code:  # only the domain's errors keep their type on the way out of a child process
                raise DumpRefused(error.message, error.detail) from error
            raise
    elif packed:
        warnings: list[str] = []
        await asyncio.to_thread(unpack_folder, folder, context.hub.limits.download_size, warnings.append)
        for warning in warnings:
            await context.log(warning, "warning")


def _describe(folder: Path, fetched: Sequence[Fetched], digests: dict[str, str]) -> tuple[File, ...]:
    """Every file of the folder, ordered by name."""
    origin = {file.name: file for file in fetched}
    files = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        file = File(name=name, size=path.stat().st_size, sha256=digests.get(name) or _sha256(path))
        if came := origin.get(name):
            file = msgspec.structs.replace(file, url=masked(came.url), etag=came.etag, last_modified=came.last_modified)
        files.append(file)
    return tuple(files)


async def _store(dump: SourceDumped, folder: Path, context: JobContext) -> SourceDumped:
    """Put the files where they stay, and switch; what a cancelled or failed job has put is taken away again."""
    files = context.hub.files
    try:
        for number, file in enumerate(dump.files):
            await context.progress(number, len(dump.files), "files", "storing")
            await files.put(f"{_place(dump)}/{file.name}", folder / file.name)
    except BaseException:
        await asyncio.shield(files.delete(f"dumps/{dump.output}"))
        raise
    keep = context.hub.limits.keep_dumps
    await context.switch(SOURCES, dump.source, lambda source: source.with_output(dump, keep))
    return dump


class _Tally:
    """Bytes fetched so far, for the job's progress."""

    def __init__(self, context: JobContext, urls: int) -> None:
        self.context = context
        self.urls = urls
        self.finished = 0
        self.before = 0
        """Bytes of the files that are finished."""
        self.done = 0
        self.size = 0
        """Bytes of the file that is being fetched; 0 where the server does not tell."""

    async def advance(self, more: int, size: int | None) -> None:
        """`Advance` of a fetch; the total of all is told with the last file: before, nobody knows it."""
        self.done += more
        self.size += size or 0
        total, where = None, f"file {self.finished + 1} of {self.urls}"
        if self.size and self.finished == self.urls - 1:
            total = self.before + self.size
        elif self.size:
            where += f": {self.done - self.before:,} of {counted(self.size, 'bytes')}"
        await self.context.progress(self.done, total, "bytes", where)

    async def next(self) -> None:
        """One URL is done."""
        self.finished += 1
        self.before, self.size = self.done, 0
        await self.context.progress(self.done, None, "bytes", f"{self.finished} of {counted(self.urls, 'files')} fetched")
