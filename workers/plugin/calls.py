"""Calling a plugin's functions: its parser, parallelizer, mapping and release, each in a process of its own."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import orjson

from domain.data.manifests import Manifest, Uploader
from domain.errors import JobFailed
from domain.hub import Limits
from workers.plugin.environment import python_for, reaches_out
from workers.plugin.process import START, Log, PluginProcess, certificates, garbage, orjson_file
from workers.plugin.sandbox import sandboxed
from workers.plugin.workspace import Workspace, prepare


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """What a parser's call came to, beside its documents."""

    documents: int
    """Documents that the parser gave, whatever became of them."""
    dropped: int
    """Documents that were empty."""
    skipped: int
    """Documents whose `_id` is longer than an index takes."""
    long_ids: tuple[str, ...] = ()
    """Some of those ids."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Documents that left the parser together, as canonical JSON."""

    ids: list[str]
    bodies: list[bytes]


class Plugin:
    """A plugin ready to be called; `open_plugin` makes one."""

    def __init__(
        self, manifest: Manifest, workspace: Workspace, python: Sequence[str], limits: Limits, log: Log, network: bool
    ) -> None:
        self.manifest = manifest
        self.workspace = workspace
        self.python = python
        self.limits = limits
        self.log = log
        self.network = network

    async def release(self, current: str = "") -> str:
        """What the manifest's release function says; `current` is the release that is stored. Raises JobFailed."""
        fields = {
            "function": self.manifest.release,
            "urls": self.manifest.data_url,
            "release": current,
            "new_data": str(self.workspace.data),
        }
        return str(await self._result("release", fields))

    async def mapping(self, uploader: Uploader) -> dict[str, Any]:
        """The Elasticsearch properties that the uploader's mapping function gives; empty where it has none."""
        if not uploader.mapping:
            return {}
        found: dict[str, Any] = await self._result("mapping", {"function": uploader.mapping, "part": uploader.name})
        return found

    async def jobs(self, uploader: Uploader) -> list[str]:
        """The parallelizer's argument tuples, as the parser's process takes them; one empty text where there is no parallelizer."""
        if not uploader.parallelizer:
            return [""]
        jobs: list[str] = await self._result("jobs", {"function": uploader.parallelizer, "part": uploader.name})
        if not jobs:
            raise JobFailed(f"{uploader.parallelizer} gave no jobs", code="PLUGIN_INVALID")
        return jobs

    async def parse(self, uploader: Uploader, job: str = "", limit: int | None = None) -> AsyncGenerator[Batch | Parsed]:
        """The documents of one parser call in batches, and last what it came to. Whoever leaves it early closes it (`aclosing`)."""
        fields = {"function": uploader.parser, "keywords": uploader.parser_kwargs, "job": job, "limit": limit}
        async with self._process("parse", fields) as process:
            while (frame := await process.receive()).letter == b"D":
                ids, _, bodies = frame.payload.partition(b"\n")
                yield Batch(ids=orjson.loads(ids), bodies=bodies.split(b"\n"))
            try:
                parsed = msgspec.json.decode(frame.payload, type=Parsed)
            except msgspec.DecodeError as error:
                raise garbage() from error
            yield parsed

    async def _result(self, action: str, fields: Mapping[str, Any]) -> Any:
        async with self._process(action, fields) as process:
            return await process.result()

    def _process(self, action: str, fields: Mapping[str, Any]) -> AbstractAsyncContextManager[PluginProcess]:
        request = {
            "action": action,
            "root": str(self.workspace.root),
            "name": self.workspace.name,
            "data": str(self.workspace.data),
            "archive": str(self.workspace.archive),
            "release": self.workspace.data.name,
            "metadata": self.manifest.metadata,
            "uncompress": self.manifest.uncompress,
            **fields,
        }
        limits = self.limits
        return PluginProcess(
            request,
            python=self.python,
            home=self.workspace.root,
            memory=limits.plugin_memory,
            seconds=limits.plugin_timeout,
            log=self.log,
            wrapped=partial(self._wrapped, network=self.network or action == "release") if limits.plugin_sandbox == "on" else None,
        )

    def _wrapped(self, command: Sequence[str], network: bool) -> Sequence[str]:
        root = self.workspace.root
        program = Path(self.python[0]).parent.parent
        readable: list[Path | str] = [program, START.parent, orjson_file(), *certificates().values()]
        return sandboxed(
            command, writable=root.parent, scratch=self.workspace.scratch, readable=readable, network=network, folder=root
        )


async def open_plugin(
    manifest: Manifest,
    *,
    name: str,
    code: Path,
    home: Path,
    environments: Path,
    limits: Limits,
    log: Log,
    data: Path | None = None,
    release: str = "",
    digests: Mapping[str, str] | None = None,
) -> Plugin:
    """Make a plugin ready: its environment, and its workspace in `home`, from copies of its code and data. `home` is made here; the
    caller removes it. `digests`: what the data's checksums (SHA-256 by path) have to be.

    Raises JobFailed where what it requires can't be installed, and what `prepare` raises.
    """
    workspace = await prepare(home, name, code, release, data, digests)
    boxed = limits.plugin_sandbox == "on"
    python = await python_for(manifest.requires, code, environments, log, boxed=boxed)
    network = boxed and await asyncio.to_thread(reaches_out, code)
    return Plugin(manifest, workspace, python, limits, log, network)
