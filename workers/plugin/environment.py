"""Environments for plugins: the packages that one requires live in a virtual environment of their own."""

import asyncio
import errno
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.request import url2pathname

import orjson

from domain.data.manifests import DISTRIBUTIONS, SHIMMED
from domain.data.plugins import code_files
from domain.data.shared_modules import imports
from domain.errors import JobFailed
from domain.room import disk_full
from workers.plugin.pip_places import pip_places
from workers.plugin.process import Log, certificates
from workers.plugin.sandbox import sandboxed

ISOLATED = ("-I", "-X", "utf8")
PROGRAM = ("-P", "-m")
"""Run a module as a program, which imports nothing from the folder that the hub was started in."""
BROUGHT = frozenset(
    (
        "Bio",
        "aiohttp",
        "biothings_client",
        "boto3",
        "bs4",
        "dateutil",
        "docker",
        "elasticsearch",
        "git",
        "jmespath",
        "jsonlines",
        "lxml",
        "mygene",
        "networkx",
        "numpy",
        "obonet",
        "openpyxl",
        "pandas",
        "psutil",
        "pymongo",
        "pysam",
        "pytz",
        "requests",
        "tornado",
        "tqdm",
        "vcf",
        "xlrd",
        "xmltodict",
        "yaml",
    )
)
"""Imports that plugins use without requiring them, because the environments of BioThings hubs have them. Nothing else is installed
unasked."""
WITHIN = {"elasticsearch": ">=8.18,<9", "jmespath": ">=0.7.1,<2", "networkx": ">=2.1,<3", "pandas": "<3", "pymongo": ">=4.13,<5"}
"""Versions that the BioThings SDK and its hubs have, with which plugins were written: what says no version has one of these."""
UNPINNED = re.compile(r"([\w.-]+)\s*(\[[^\]]*\])?\s*(;.*)?")
"""A requirement without a version: its name, extras, and the conditions under which it holds."""
CLIENTS = frozenset(
    (
        "Bio",
        "aiohttp",
        "biothings_client",
        "boto3",
        "elasticsearch",
        "ftplib",
        "git",
        "http",
        "httpx",
        "mygene",
        "paramiko",
        "psycopg2",
        "pycurl",
        "pymongo",
        "requests",
        "socket",
        "tornado",
        "urllib",
        "urllib3",
        "websockets",
        "xmlrpc",
    )
)
"""Imports by which code reaches the network."""
READERS = frozenset(("bioregistry", "fastobo", "lxml", "obonet", "owlready2", "pandas", "polars", "pronto", "rdflib", "text2term"))
"""Imports that open addresses as they open files."""
ADDRESS = re.compile(rb"\b(https?|ftps?)://")
READY = ".ready"


async def python_for(requires: Sequence[str], code: Path, folder: Path, log: Log, *, boxed: bool = False) -> tuple[str, ...]:
    """The interpreter, with its flags, for a plugin that requires these packages and whose code lies in `code`: ours without any
    package, or that of an environment in `folder`, made where it is missing, in the sandbox where `boxed`.

    Raises JobFailed where packages can't be installed."""
    assumed = await asyncio.to_thread(undeclared, code, requires)
    if not requires and not assumed:
        return (sys.executable, "-S", *ISOLATED)
    for name in (*requires, *assumed):
        if bounded(name) != name:
            await log(f"{name}: {bounded(name)}, as the BioThings SDK has it, since `requires` names no version", "info")
    requires, assumed = [*map(bounded, requires)], [*map(bounded, assumed)]
    wanted = "\n".join([sys.version, *sorted(requires), "", *assumed])
    home = folder / hashlib.sha256(wanted.encode()).hexdigest()[:16]
    if _missing(home) != []:
        async with _locked(home.with_suffix(".lock")):
            await _complete(home, requires, assumed, log, boxed)
    return (str(home / "bin" / "python"), *ISOLATED)


def reaches_out(code: Path) -> bool:
    """Whether the code imports what reaches the network, or what opens addresses where it names one."""
    for path in code_files(code):
        if path.endswith(".py"):
            source = (code / path).read_bytes()
            names = {name.split(".")[0] for name in imports(source, path)}
            if names & CLIENTS or (names & READERS and ADDRESS.search(source)):
                return True
    return False


def undeclared(code: Path, requires: Iterable[str]) -> list[str]:
    """The distributions of BROUGHT that the code imports and the manifest does not require."""
    declared = {_canonical(re.split(r"[^\w.-]", entry.strip(), maxsplit=1)[0]) for entry in requires}
    modules: set[str] = set()
    own: set[str] = set()
    for path in code_files(code):
        own.add(path.split("/")[0].removesuffix(".py"))
        if path.endswith(".py"):
            modules |= {name.split(".")[0] for name in imports((code / path).read_bytes(), path)}
    names = {DISTRIBUTIONS.get(name, name) for name in modules & BROUGHT - own - SHIMMED}
    return sorted(name for name in names if _canonical(name) not in declared)


def bounded(requirement: str) -> str:
    """The requirement, within the versions that the SDK has where it names none itself."""
    match = UNPINNED.fullmatch(requirement.strip())
    if match is None or not (versions := WITHIN.get(_canonical(match[1]), "")):
        return requirement
    return f"{match[1]}{match[2] or ''}{versions}{match[3] or ''}"


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _missing(home: Path) -> list[str] | None:
    """The assumed packages that a ready environment lacks; None where it is not ready, or its Python is gone."""
    if not (home / "bin" / "python").exists():
        return None
    try:
        return list(orjson.loads((home / READY).read_bytes()))
    except FileNotFoundError:
        return None


async def _complete(home: Path, requires: Sequence[str], assumed: Sequence[str], log: Log, boxed: bool) -> None:
    lacking = _missing(home)
    if lacking == []:
        return  # another process made it while this one waited
    if lacking is None:
        await asyncio.to_thread(shutil.rmtree, home, True)
        await log(f"making an environment with {', '.join([*requires, *assumed])}", "info")
        without_pip = ("--without-pip",) if _own_pip() else ()
        await _run(
            (sys.executable, *PROGRAM, "venv", *without_pip, str(home)), log, "a virtual environment can't be made", home.parent
        )
        if requires:
            await _install(home, requires, log, boxed)
        lacking = list(assumed)
    absent = []
    for name in lacking:
        try:
            await _install(home, [name], log, boxed)
        except JobFailed as error:
            absent.append(name)
            await log(f"{name} is imported, not required by the manifest, and could not be installed: {error}", "warning")
    coming = home / (READY + ".coming")
    coming.write_bytes(orjson.dumps(absent))
    coming.rename(home / READY)  # whole at once: it is read without the lock


def _own_pip() -> bool:
    """Whether our own pip can install into an environment, which then needs none: making it takes a second instead of five."""
    return importlib.util.find_spec("pip") is not None


async def _install(home: Path, requires: Sequence[str], log: Log, boxed: bool) -> None:
    python = str(home / "bin" / "python")
    pip = (sys.executable, *PROGRAM, "pip", "--python", python) if _own_pip() else (python, *PROGRAM, "pip")
    options = ("--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--retries", "1", "--timeout", "15", "--")
    failure = f"{', '.join(requires)} could not be installed"
    if not boxed:
        await _run((*pip, "install", *options, *requires), log, failure, home.parent)
        return
    with tempfile.TemporaryDirectory(dir=home) as scratch:  # what is installed may run code of its own; pip's cache is everybody's
        command = (*pip, "install", "--no-cache-dir", *options, *requires)
        local = [url2pathname(path) for path in re.findall(r"file:(?://)?(/[^\s;#]+\.(?:whl|zip|tar\.gz))", " ".join(requires))]
        known = await asyncio.to_thread(pip_places)
        readable: list[Path | str] = [*local, *known, *certificates().values()]
        boxed_command = sandboxed(command, writable=home, scratch=Path(scratch), readable=readable, network=True, folder=home)
        await _run(boxed_command, log, failure, home.parent)


async def _run(command: Sequence[str], log: Log, failure: str, folder: Path) -> None:
    """Run a command, which writes into `folder`, with its output going to the log; it is killed with this task."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=2**20,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("LEAT_", "PYTHON"))},
            **certificates(),
        },
    )
    tail: deque[str] = deque(maxlen=20)
    try:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            tail.append(line.decode(errors="replace").rstrip())
            await log(tail[-1], "info")
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
    if code:
        reason = next((line.removeprefix("ERROR: ") for line in reversed(tail) if line.startswith("ERROR: ")), f"exit code {code}")
        if any(os.strerror(errno.ENOSPC) in line for line in tail):
            raise disk_full(folder, f"{failure}: {reason}", "\n".join(tail))
        raise JobFailed(f"{failure}: {reason}", "\n".join(tail), "REQUIREMENTS")


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    """One process at a time; the system frees the lock of one that died."""
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    with await asyncio.to_thread(path.open, "wb") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(0.2)
        yield
