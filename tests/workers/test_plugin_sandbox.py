"""The sandbox around plugins: what they find of the machine, and what they don't."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from domain.errors import JobFailed
from domain.hub import Limits
from tests.workers.parsing import MANIFEST, Tried, ended, parse, ready, write
from tests.workers.test_plugin_environments import Lines, offline, said, wheel
from workers.plugin import sandbox
from workers.plugin.environment import python_for, reaches_out
from workers.plugin.sandbox import SandboxMissing, is_used, sandboxed

__all__ = ["offline"]


pytestmark = pytest.mark.usefixtures("sandbox")

LOOK = """
import os, subprocess
def readable(path):
    try:
        return bool(os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1) or True)
    except OSError:
        return False
def writable(folder):
    try:
        open(os.path.join(folder, "made"), "w").close()
        return True
    except OSError:
        return False
def load_data(folder):
    processes = [name for name in os.listdir("/proc") if name.isdigit()]
    yield {"_id": "a", "processes": len(processes), "read": [path for path in PATHS if readable(path)],
           "written": [path for path in (*PATHS, folder, os.environ["HOME"], os.environ["TMPDIR"]) if writable(path)],
           "libraries": readable(os.__file__), "ends": subprocess.run(["true"]).returncode}
"""


async def test_it_finds_its_own_folder_only(tmp_path: Path) -> None:
    """Of the machine it reads the system's programs and Python, and neither other files nor processes; it writes in its own."""
    write(tmp_path / "secrets", {"token": "7"})
    hub = str(Path(sandbox.__file__).parent.parent / "child.py")
    names = (tmp_path / "secrets" / "token", "/etc/shadow", "/root/.bashrc", hub, "/sys/kernel", "/var/lib")
    paths = [*map(str, names), str(tmp_path)]

    [document] = (await parse(tmp_path / "demo", LOOK.replace("PATHS", repr(paths)))).documents

    assert (document["read"], document["libraries"], document["ends"]) == ([str(tmp_path)], True, 0)
    assert sorted(os.listdir(tmp_path)) == ["demo", "secrets"]
    assert document["processes"] < 6
    assert [Path(path).is_relative_to(tmp_path / "demo" / "home") for path in document["written"][-3:]] == [True] * 3


SPEND = """
import os, resource, shutil
def load_data(folder):
    for place in ("/tmp", "/dev/shm"):
        open(os.path.join(place, "made"), "w").write("x")
    try:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        raised = True
    except (ValueError, OSError):
        raised = False
    elsewhere = [made for made in ("/made", "/dev/made", "/etc/made") if not os.system(f"touch {made} 2>/dev/null")]
    yield {"_id": "a", "raised": raised, "elsewhere": elsewhere}
"""


async def test_what_it_takes_of_memory_is_limited(tmp_path: Path) -> None:
    """Nobody in it raises the limit, root neither. What it writes to /tmp and /dev/shm is on disk; it writes nowhere else."""
    [document] = (await parse(tmp_path, SPEND)).documents

    assert (document["raised"], document["elsewhere"]) == (False, [])
    assert (tmp_path / "home" / "scratch" / "made").is_file()


@pytest.fixture
def listener() -> Iterator[int]:
    """The port of a server of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


REACH = """
def reached(port):
    import importlib
    socket = importlib.import_module("soc" + "ket")
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
        return "reached"
    except OSError as error:
        return type(error).__name__
def get_release(self):
    return reached(PORT)
def load_data(folder):
    yield {"_id": reached(PORT)}
"""
DUMPER = {"data_url": "https://example.org/x", "release": "parser:get_release"}


@pytest.mark.parametrize(("more", "parsing"), [("", "ConnectionRefusedError"), ("def later():\n    import requests", "reached")])
async def test_the_network_is_for_those_who_use_it(tmp_path: Path, listener: int, more: str, parsing: str, offline: None) -> None:
    """A release is asked for over the network; a parser has it where its code imports what reaches it."""
    files = {"parser.py": REACH.replace("PORT", str(listener)) + more, "manifest.json": json.dumps({**MANIFEST, "dumper": DUMPER})}

    tried = await ready(tmp_path, files)

    assert await tried.plugin.release() == "reached"
    assert await first(tried) == parsing


async def first(tried: Tried) -> str:
    """The `_id` of the first document."""
    async with aclosing(tried.plugin.parse(tried.plugin.manifest.uploaders[0])) as stream:
        return str((await anext(stream)).ids[0])  # type: ignore[union-attr]  # a parser of one document


def test_code_that_reaches_out(tmp_path: Path) -> None:
    """Known by what it imports, anywhere, in modules that it shares too."""
    still = write(tmp_path / "still", {"parser.py": "import csv, os.path", "leat_shared_modules/a.py": "import gzip"})
    asking = write(tmp_path / "asking", {"parser.py": "import csv", "leat_shared_modules/a.py": "from urllib import request"})

    assert (reaches_out(still), reaches_out(asking)) == (False, True)


@pytest.mark.parametrize(
    ("parser", "reaches"),
    [
        ("import pronto\nSOURCE = 'https://example.org/x.obo'", True),
        ("import pronto\nSOURCE = 'x.obo'", False),
        ("import csv\nLICENSE = 'https://example.org/terms'", False),
    ],
)
def test_readers_of_addresses(tmp_path: Path, parser: str, reaches: bool) -> None:
    """Libraries that open an address as they open a file get the network where the code names one."""
    assert reaches_out(write(tmp_path, {"parser.py": parser})) is reaches


ENDS = {
    "raise ValueError('bad')": "ValueError: bad",
    "os.kill(os.getpid(), 11)": "ended by SIGSEGV",
    "os._exit(7)": "exit code 7",
    "os.closerange(3, 100); time.sleep(1000)": "closed the channel",
    "time.sleep(1000)": "longer than 4 s",
}


@pytest.mark.parametrize(("end", "told"), ENDS.items())
async def test_how_it_ended_is_told_as_outside(tmp_path: Path, end: str, told: str) -> None:
    """Errors, signals, exit codes and time; what it started, in whatever session, ends with it."""
    mark = f"1{os.getpid()}{len(end)}"
    started = f"subprocess.Popen(['sleep', '{mark}'], start_new_session=True)"
    parser = f"import os, subprocess, time\ndef load_data(folder):\n    {started}\n    {end}\n    yield {{'_id': 'a'}}"

    with pytest.raises(JobFailed, match=told):
        await parse(tmp_path, parser, limits=Limits(plugin_timeout=4.0))

    await ended(mark)


async def test_requirements_are_installed_in_it(tmp_path: Path, offline: None) -> None:
    """pip, and what packages run when they are installed, find the environment and nothing else; what is installed works."""
    code = write(tmp_path / "code", {"parser.py": ""})
    requires = (wheel(tmp_path / "wheels", "leat_boxed_package", "VALUE = 8"),)

    python = await python_for(requires, code, tmp_path / "environments", Lines(), boxed=True)

    assert await said(python, "import leat_boxed_package; print(leat_boxed_package.VALUE)") == "8"


def test_whether_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself where the machine has it; where it has to be there, and is not, that is an error that says why."""
    assert (is_used("auto"), is_used("on"), is_used("off")) == (True, True, False)

    monkeypatch.setattr(sandbox, "reason_against", lambda: "no namespaces")

    assert is_used("auto") is False
    with pytest.raises(SandboxMissing, match="no namespaces"):
        is_used("on")


def test_a_path_that_looks_like_an_option(tmp_path: Path) -> None:
    """Commands begin behind `--`, and paths are absolute."""
    command = sandboxed(["--version"], writable=tmp_path, scratch=tmp_path, readable=["--bind"], network=False, folder=tmp_path)

    assert command[-2:] == ("--", "--version")
    assert "--share-net" not in command
    assert f"{os.getcwd()}/--bind" in command
