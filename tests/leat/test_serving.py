"""A hub's processes: what each does while it lives."""

import asyncio
from pathlib import Path

import pytest

from leat.serving import until_signal


async def test_a_pulse_comes_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """While the data folder can't be written, the process lives on without a pulse; then the pulse is shown again."""
    data = tmp_path / "data"
    async with asyncio.timeout(20), until_signal(data):
        while not caplog.records:  # noqa: ASYNC110 -- neither the log nor a file tells when it is there
            await asyncio.sleep(0.01)
        data.mkdir()
        while not (data / "pulse").exists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
