"""`leat source check`: a plugin read, its files fetched, its first documents parsed, without a hub and storing nothing."""

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import orjson

from domain.data import plugins
from domain.data.manifests import Manifest, Uploader
from domain.data.shared_modules import folder_of
from domain.errors import JobFailed, Refused
from domain.hub import Limits
from domain.wording import counted
from leat.cli import output
from leat.cli.exits import Ended, Exit
from leat.concealment import conceal
from leat.settings import load
from workers.dump.addresses import scheme_of
from workers.dump.check import check_content, name_as_packed
from workers.dump.connection import open_session, trust
from workers.dump.fetch import Fetcher
from workers.dump.local import fetch_local, path_of
from workers.dump.unpack import unpack_folder
from workers.plugin.calls import Batch, Plugin, open_plugin
from workers.plugin.sandbox import is_used
from workers.upload.duplicates import ADVICE
from workers.upload.keylookup import converting


def check(folder: Path, data: Path | None, documents: int, json: bool) -> Exit:
    """Say what the plugin is and what its parsers give; `data` holds its files, which are fetched where it is None."""
    with _problems(), tempfile.TemporaryDirectory(prefix="leat-check-") as home:
        (Path(home) / "data").mkdir()
        found = asyncio.run(_check(folder.expanduser().resolve(), data and data.resolve(), documents, Path(home)))
    if json:
        output.as_json(found)
        return Exit.DONE
    output.pairs({name: found[name] for name in ("name", "type", "files", "release")})
    output.table(found["parts"], ("name", "parser", "documents", "first"))
    return Exit.DONE


@contextmanager
def _problems() -> Iterator[None]:
    try:
        yield
    except Refused as error:
        raise Ended(Exit.REFUSED, error.message, error.code) from error
    except JobFailed as error:
        raise Ended(Exit.FAILED, f"{error.message}\n{error.detail}".rstrip(), error.code) from error


async def _check(folder: Path, data: Path | None, documents: int, home: Path) -> dict[str, Any]:
    settings = conceal(load())
    manifest = await asyncio.to_thread(plugins.read, folder)
    code = home / "code"
    await asyncio.to_thread(plugins.copy_code, folder, code, folder_of(folder, manifest.modules, settings.plugin_modules))
    for warning in manifest.warnings:  # first, since one may be why the rest fails
        output.note(f"warning: {warning}")
    files = data or await _fetch(manifest, folder, home / "data", settings.networks())
    plugin = await open_plugin(
        manifest,
        name=manifest.name,
        code=code,
        home=home / "plugin",
        environments=_cache() / "environments",
        limits=Limits(
            plugin_sandbox="on" if await asyncio.to_thread(is_used, settings.plugin_sandbox) else "off",
            keylookup_api=settings.keylookup_api,
            download_networks=settings.networks(),
        ),
        log=_log,
        data=files,
    )
    release = await plugin.release() if manifest.release and not data else ""  # with files, it is theirs, which nobody knows
    parts = [await _parse(plugin, uploader, documents) for uploader in manifest.uploaders]
    return {
        "name": manifest.name,
        "type": manifest.biothing_type,
        "release": release,
        "files": sorted(str(path.relative_to(files)) for path in files.rglob("*") if path.is_file()),
        "warnings": list(manifest.warnings),
        "parts": parts,
    }


def _cache() -> Path:
    """Where this user's programs keep what may be made again: environments are used by the next check too."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "leat"


async def _log(text: str, level: str) -> None:
    output.note(f"{level}: {text}")


async def _parse(plugin: Plugin, uploader: Uploader, documents: int) -> dict[str, Any]:
    """What a part's parser gives first; raises JobFailed with its traceback, or where it gives nothing, or an `_id` twice that an
    upload would refuse."""
    bodies: list[bytes] = []
    ids: list[str] = []
    async with converting(uploader.keylookup, plugin.limits) as conversion:
        for job in await plugin.jobs(uploader):
            async with aclosing(plugin.parse(uploader, job, documents)) as stream:
                async for found in stream:
                    if isinstance(found, Batch):
                        found = await conversion.converted(found) if conversion else found
                        bodies += found.bodies
                        ids += found.ids
            if len(bodies) >= documents:
                break
    if not bodies:
        found_none = " whose ids `keylookup` finds" if conversion and conversion.missed else ""
        raise JobFailed(f"{uploader.parser} gave no documents{found_none}", code="NO_DOCUMENTS")
    if uploader.on_duplicates == "error" and (twice := [id for id, number in Counter(ids).items() if number > 1]):
        reason = f"the _id {twice[0]!r} occurs more than once among the first {counted(len(ids), 'documents')}"
        raise JobFailed(f"part {uploader.name}: {reason}", ADVICE, "DUPLICATE_ID")
    sample = [orjson.loads(body) for body in bodies[:3]]
    return {
        "name": uploader.name,
        "parser": uploader.parser,
        "documents": len(bodies),
        "first": sample[0]["_id"],
        "sample": sample,
        "mapping": await plugin.mapping(uploader),
    }


async def _fetch(manifest: Manifest, plugin: Path, folder: Path, networks: Sequence[str]) -> Path:
    """Fetch and unpack into `folder`, as a dump would."""
    limit = Limits().download_size

    async def advance(more: int, whole: int | None) -> None:
        """How far it is matters to nobody here."""

    async with open_session(await asyncio.to_thread(trust)) as session:
        for url in dict.fromkeys(manifest.data_url):
            output.note(f"fetching {url}")
            if scheme_of(url) == "file":
                await asyncio.to_thread(fetch_local, url, path_of(url, plugin), folder, {}, limit)
            else:
                file = await Fetcher(session, folder, limit, networks=networks).fetch(url, None, advance)
                assert file.path is not None  # nothing was there before
                for warning in file.warnings:
                    output.note(warning)
                check_content(file.path, file.name)
                name = name_as_packed(file.path, file.name) if manifest.uncompress else file.name
                file.path.rename(folder / name)
    if manifest.uncompress:
        await asyncio.to_thread(unpack_folder, folder, limit, output.note)
    return folder
