"""Concealment: what lets somebody in is found neither in a hub's processes nor in what they start."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.leat.hubs import Line, plugin
from tests.leat.servers import on_rabbitmq

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
PARSER = """
import os
from pathlib import Path

def load_data(folder):
    process, seen = os.getpid(), ""
    while process:
        for name in ("environ", "cmdline"):
            seen += (Path("/proc") / str(process) / name).read_bytes().decode(errors="replace")
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        if process == STOP:
            break
    yield {"_id": "seen", "text": seen}
"""
"""Reads what each of its ancestors was started with, up to the test's own process."""
USER = 65534
"""Nobody, whose processes have no rights: root may look into everything."""
CONCEALED = f"""
import ctypes, os, sys
from leat.concealment import conceal
from leat.settings import load
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid({USER})
    os.setuid({USER})
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # a change of rights alone would conceal it
print(conceal(load(token="flagged")).files, *os.environ, flush=True)
sys.stdin.read()
"""


@contextmanager
def concealed(folder: Path, *words: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process, with as few rights as a user has, that has taken its settings."""
    process = subprocess.Popen(
        [sys.executable, "-c", CONCEALED, *words],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.getcwd(), "LEAT_DATA": str(folder), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        assert process.stdin
        process.stdin.close()


@LINUX
def test_others_of_the_user_cannot_look_into_it(tmp_path: Path) -> None:
    """Neither its environment nor its memory can be opened by another process of the same user, without special rights."""
    with concealed(tmp_path) as process:
        assert process.stdout
        process.stdout.readline()
        names = [f"/proc/{process.pid}/{name}" for name in ("environ", "mem", "maps", "fd/0")]
        user = USER if os.geteuid() == 0 else None
        seen = [subprocess.run(["head", "-c1", name], capture_output=True, user=user).returncode for name in names]
    mine = subprocess.run(["head", "-c1", "/proc/self/environ"], capture_output=True, user=user)

    assert seen == [1] * 4
    assert mine.returncode == 0


@LINUX
def test_what_it_was_started_with_is_gone(tmp_path: Path) -> None:
    """The first environment is blank, and the token and URLs with passwords among the arguments; other variables are still there,
    and the keys of an object store are in its URL."""
    store = {"LEAT_FILES": "s3://bucket/here?endpoint=http://store", "AWS_SECRET_ACCESS_KEY": "k/+y", "AWS_REGION": "north"}
    with concealed(tmp_path, "--token", "flagged", "other", LEAT_BUS="amqp://me:pw@host/", **store) as process:
        assert process.stdout
        files, *variables = process.stdout.readline().split()
        environment = Path(f"/proc/{process.pid}/environ").read_bytes() if os.geteuid() == 0 else b""
        arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()

    assert files == "s3://bucket/here?endpoint=http://store&aws_secret_access_key=k%2F%2By"
    assert {"PATH", "AWS_REGION"} <= set(variables)
    assert not {"LEAT_BUS", "LEAT_FILES", "AWS_SECRET_ACCESS_KEY"} & set(variables)
    assert environment.strip(b"\0") == b""
    assert b"flagged" not in arguments
    assert arguments.endswith(b"--token\0*******\0other\0")


def look(line: Line) -> str:
    """What a plugin of this hub reads of its ancestors."""
    (plugin(line.folder, "looking", rows=1) / "parser.py").write_text(PARSER.replace("STOP", str(os.getpid())))
    line.done("source", "add", str(line.folder / "looking"))
    line.done("source", "dump", "looking")
    return line.done("source", "documents", "looking")


@LINUX
def test_a_plugin_finds_nothing_in_its_ancestors(tmp_path: Path) -> None:
    """Up to the process that started the hub, nothing tells the token, however it was given, also where there is no sandbox."""
    line = Line(tmp_path, LEAT_TOKEN="variable-1f", LEAT_ANSWER_HITS="777", LEAT_PLUGIN_SANDBOX="off")
    with line.up("--token", "flag-2e"):
        line.environment["LEAT_TOKEN"] = "flag-2e"
        seen = look(line)

    assert "leat.child" in seen
    assert not [secret for secret in ("variable-1f", "flag-2e", "LEAT_") if secret in seen]


@LINUX
async def test_a_plugin_finds_nothing_in_a_scaled_worker(tmp_path: Path) -> None:
    """The scaler gives the settings to its processes in a way that nobody else can read."""
    async with on_rabbitmq(tmp_path, LEAT_PLUGIN_SANDBOX="off") as line:
        with line.up("--no-workers"), line.up("dump", "upload", "--max", "1", command="work"):
            seen = await asyncio.to_thread(look, line)

    assert "--member" in seen
    assert not [secret for secret in ("amqp://", "LEAT_") if secret in seen]
