"""Plugins written down in a test, and what their parsers gave."""

import asyncio
import json
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import orjson

from domain.data import plugins
from domain.hub import Limits
from workers.plugin.calls import Batch, Parsed, Plugin, open_plugin

MANIFEST = {"version": "0.3", "dumper": {"data_url": "https://example.org/data.tsv"}, "uploader": {"parser": "parser:load_data"}}

SANDBOX = "off"
"""Whether plugins run in the sandbox: on or off; the fixture `sandbox` changes it."""


def running() -> str:
    """The command lines of all processes of this machine, by which a plugin's are told wherever it counts them itself."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(process.read_text(errors="replace"))
        except OSError:  # it ended meanwhile
            continue
    return "\n".join(found)


async def ended(*marks: str) -> None:
    """Wait until no process has one of these in its command line."""
    async with asyncio.timeout(20):
        while any(mark in running() for mark in marks):  # noqa: ASYNC110 (another process's end)
            await asyncio.sleep(0.02)


def write(folder: Path, files: dict[str, str]) -> Path:
    """A folder with these files, their common indentation removed."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(content))
    return folder


def uploading(**uploader: Any) -> str:
    """A manifest with these members in its uploader."""
    return json.dumps({**MANIFEST, "uploader": {"parser": "parser:load_data", **uploader}})


@dataclass
class Tried:
    """What came of calling a plugin."""

    plugin: Plugin
    documents: list[dict[str, Any]] = field(default_factory=list)
    parsed: Parsed | None = None
    lines: list[tuple[str, str]] = field(default_factory=list)

    def printed(self) -> list[str]:
        """The lines without their levels."""
        return [text for _, text in self.lines]


async def ready(folder: Path, files: dict[str, str], data: dict[str, str] | None = None, limits: Limits | None = None) -> Tried:
    """The plugin `demo` made of these files, ready to be called."""
    code = write(folder / "demo", {"manifest.json": json.dumps(MANIFEST), **files})
    stored = write(folder / "data", data or {"data.tsv": "1\tone\n2\ttwo\n"})
    manifest = plugins.read(code)
    lines: list[tuple[str, str]] = []

    async def log(text: str, level: str) -> None:
        lines.append((level, text))

    plugin = await open_plugin(
        manifest,
        name="demo",
        code=code,
        home=folder / "home",
        environments=folder / "environments",
        limits=replace(limits or Limits(), plugin_sandbox=SANDBOX),
        log=log,
        data=stored,
        release="2024-01",
    )
    return Tried(plugin, lines=lines)


async def parse(
    folder: Path,
    files: dict[str, str] | str,
    data: dict[str, str] | None = None,
    limits: Limits | None = None,
    limit: int | None = None,
) -> Tried:
    """What the plugin's parser gives; `files` may be the text of parser.py alone."""
    tried = await ready(folder, {"parser.py": files} if isinstance(files, str) else files, data, limits)
    [uploader] = tried.plugin.manifest.uploaders
    for job in await tried.plugin.jobs(uploader):
        async with aclosing(tried.plugin.parse(uploader, job, limit)) as stream:
            async for found in stream:
                if isinstance(found, Batch):
                    tried.documents += map(orjson.loads, found.bodies)
                    assert [document["_id"] for document in tried.documents[-len(found.ids) :]] == found.ids
                else:
                    tried.parsed = found
    return tried
