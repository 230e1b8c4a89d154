"""Work outside as tests have it: real processes that outlive whoever started them, and take their names by mkdir, as with Slurm."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from domain.hub import Hub
from domain.ports.outside import Outside, Seen
from events.message import Event
from events.sources import UploadSource
from tests.domain.jobs import processes
from tests.domain.jobs.processes import Mortal
from workers.context import JobContext

ACTS = """
mkdir "$1" 2>/dev/null || exit 0
(eval "$2") >"$1/printed" 2>&1
echo $? >"$1/code.new"
mv "$1/code.new" "$1/code"
"""
"""What every process does: it takes its name, works, and says how that ended. `$0` is the name, `$1` its folder, `$2` the work."""


class LocalProcesses(Outside):
    """Detached processes of this machine. `work["script"]` is what a shell does; `$0` is the name in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def start(self, name: str, work: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        words = ["setsid", "--fork", "sh", "-c", ACTS, name, str(self.folder / name), work["script"]]
        done = await asyncio.to_thread(subprocess.run, words, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        assert done.returncode in (0, -signal.SIGKILL), done  # a stop ends what is just being started, too

    async def look(self, name: str) -> Seen:
        return await asyncio.to_thread(self._look, name)

    def _look(self, name: str) -> Seen:
        folder = self.folder / name
        is_taken = folder.exists()  # first: what has taken its name is listed
        runs = self.listed(name)  # second: what is not listed any more has left its code
        with contextlib.suppress(FileNotFoundError):
            code = int((folder / "code").read_text())
            printed = (folder / "printed").read_text()
            return Seen("failed", f"it ended with code {code}", printed) if code else Seen("done")
        if (folder / "stopped").exists():
            return Seen("stopped", "it was stopped")
        if runs:
            return Seen("runs")
        return Seen("failed", "it ended without a word") if is_taken else Seen("absent")

    async def stop(self, name: str) -> None:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        while running := await asyncio.to_thread(self.listed, name):
            kill(running)
            await asyncio.sleep(0.005)
        (folder / "stopped").touch()

    def listed(self, name: str = "") -> list[int]:
        """The processes that run under the name, or under any; those too that are about to."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")[-7:-1] if entry.name.isdigit() else []
                if len(words) == 6 and words[2] == ACTS.encode() and words[4].startswith(os.fsencode(self.folder) + b"/"):
                    found += [int(entry.name)] if name in ("", os.fsdecode(words[3])) else []
        return found


def kill(running: list[int]) -> None:
    """Kill them, with all that they have begun; of those that are still in the group of the tests, only themselves."""
    for pid in running:
        with contextlib.suppress(ProcessLookupError):
            group = os.getpgid(pid)
            if group == os.getpgrp():
                os.kill(pid, signal.SIGKILL)
            else:
                os.killpg(group, signal.SIGKILL)


class Site:
    """The work of the tests: it says when it begins, waits for a gate, and leaves a result under its name."""

    def __init__(self, hub: Hub) -> None:
        self.outside = LocalProcesses(hub.data / "outside")
        self.results = hub.data / "files" / "dumps"
        self.gate = hub.data / "gate"
        self.journal = hub.data / "journal"
        self.failing = hub.data / "failing"
        """While it is there, the work fails behind its gate, and takes it away."""

    @property
    def work(self) -> dict[str, Any]:
        """What is described to the outside."""
        script = f"""echo "$0" >>{self.journal}
            mkdir -p {self.results}/"$0"
            while [ ! -e {self.gate} ] && [ -e {self.journal} ]; do sleep 0.02; done
            if rm {self.failing} 2>/dev/null; then echo sorry; exit 3; fi
            echo made >{self.results}/"$0"/result"""
        return {"script": script}

    def begun(self) -> list[str]:
        """The names under which work has begun, as often as it has."""
        return self.journal.read_text().split() if self.journal.exists() else []

    async def until_begun(self, count: int = 1) -> None:
        """Wait until so many have."""

        async def begun() -> bool:
            return len(self.begun()) >= count

        await processes.until(begun)

    def open(self) -> None:
        """Let the work go on to its end."""
        self.gate.touch()

    def result(self, name: str) -> Path:
        """What work of this name leaves."""
        return self.results / name / "result"

    def end(self) -> None:
        """Leave no process behind."""
        kill(self.outside.listed())

    async def upload(self, command: UploadSource, context: JobContext) -> Event:
        """A handler: has the result made elsewhere, loads it under its attempt's own name, and switches to that."""

        async def describe() -> dict[str, Any]:
            await context.pin("input")
            return self.work

        done = await context.outside(describe)
        assert self.result(done.name).read_text() == "made\n"
        return await processes.upload(command, context)


class MortalOutside(Outside):
    """The outside as a process sees it that dies before or after its n-th write, or request."""

    def __init__(self, outside: Outside, mortal: Mortal) -> None:
        self._outside, self._mortal = outside, mortal

    async def start(self, name: str, work: dict[str, Any]) -> None:
        await self._mortal.write(f"start {name}", lambda: self._outside.start(name, work))

    async def look(self, name: str) -> Seen:
        self._mortal.check()
        return await self._outside.look(name)

    async def stop(self, name: str) -> None:
        await self._mortal.write(f"stop {name}", lambda: self._outside.stop(name))


class Prompted:
    """Records that let something happen behind their n-th write, as that write's caller waits for its answer."""

    def __init__(self, records: Any, number: int, act: Callable[[], Awaitable[object]]) -> None:
        self._records, self._left, self._act = records, number, act
        self.has_acted = False

    async def _happens(self) -> None:
        await self._act()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._records, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            result = await method(*args, **kwargs)
            if name in ("insert", "replace", "delete"):
                self._left -= 1
                if self._left == -1:
                    self.has_acted = True
                    await asyncio.create_task(self._happens())  # not by the caller itself, which it may cancel
            return result

        return call
