"""A hub's processes: what each does while it lives."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.jobs import plans, runs
from domain.jobs.jobs import JOBS
from domain.jobs.plans import RUNS
from domain.jobs.presence import WORKERS
from domain.ports.records import Records
from events.sources import UploadSource
from leat.serving import until_signal, working
from tests.domain.jobs.processes import open_hub


async def test_a_pulse_comes_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """While the data folder can't be written, the process lives on without a pulse; then the pulse is shown again."""
    data = tmp_path / "data"
    async with asyncio.timeout(20), until_signal(data):
        while not caplog.records:  # noqa: ASYNC110 -- neither the log nor a file tells when it is there
            await asyncio.sleep(0.01)
        data.mkdir()
        while not (data / "pulse").exists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class SlowToSayWho:
    """Records into which a process's presence comes late: after the first change of a job, if there is one within a while."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._changed = asyncio.Event()
        self.written: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._records, name)

        async def call(kind: Any, *args: Any, **kwargs: Any) -> Any:
            if name == "insert" and kind is WORKERS.kind:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.3)
            result = await method(kind, *args, **kwargs)
            if name in ("insert", "replace"):
                self.written.append(f"{name} {kind.name}")
                if kind is JOBS.kind:
                    self._changed.set()
            return result

        return call


async def test_who_reaps_has_said_before_what_it_can_follow(tmp_path: Path) -> None:
    """Else a process of another version could take out events that this one commits, and that this one alone can follow."""
    async with open_hub(tmp_path) as hub:
        step = plans.step(UploadSource(source="s"))
        started = await runs.start(hub, "m", "t", [step], {})
        cancelled = {"cancelled": True, "cancelled_at": 1.0, "pending": "cancel"}
        await RUNS.change(hub.records, started.run_id, lambda run: msgspec.structs.replace(run, **cancelled))
        slow = SlowToSayWho(hub.records)
        async with working(replace(hub, records=slow), (), 1):  # type: ignore[arg-type]
            async with asyncio.timeout(5):
                while "replace job" not in slow.written:  # noqa: ASYNC110 -- what is looked at is written by another task
                    await asyncio.sleep(0.005)

        assert slow.written.index("insert worker") < slow.written.index("replace job")
