"""A disk of a test's own that can be full; only root can mount one, so elsewhere the test is skipped."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(place: Path, size: int) -> Iterator[Path]:
    """An empty disk of so many bytes at this folder, in memory."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "leat-test", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"only root can mount a disk: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def leave(disk: Path, more: int) -> None:
    """Let the disk have room for so many bytes more."""
    while True:
        status = os.statvfs(disk)
        used = (status.f_blocks - status.f_bfree) * status.f_frsize
        command = ["mount", "-o", f"remount,size={used + more}", str(disk)]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return  # else somebody was faster, and used more than that
