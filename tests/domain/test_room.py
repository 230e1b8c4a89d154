"""Too little room on a disk is told with the folder and the sizes, and waited for."""

import errno
from pathlib import Path

import pytest

from domain.errors import DiskFull
from domain.jobs.retries import OUTAGES, wait_after
from domain.room import as_disk_full, check_room
from workers.catalogue import WORKERS
from workers.context import Registration


def test_what_does_not_fit_is_told_with_the_folder_and_sizes(tmp_path: Path) -> None:
    """Which folder, what is free and what is needed for what."""
    check_room(tmp_path, 3 * 2**20, "the index", 3 * 2**20)

    with pytest.raises(DiskFull) as caught:
        check_room(tmp_path, 3 * 2**20, "the index", 4095)

    assert str(caught.value) == f"the disk of {tmp_path} is nearly full: 4,095 bytes are free, 3.0 MiB are needed for the index"
    assert caught.value.code == "DISK_FULL"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_by_its_folder(tmp_path: Path, number: int) -> None:
    """That of the file where the system names one, else where the job writes."""
    named = as_disk_full(OSError(number, "full", str(tmp_path / "gone/part")), Path("/"))
    unnamed = as_disk_full(OSError(number, "full"), tmp_path)
    other = OSError(errno.EIO, "broken")

    assert str(named).startswith(f"the disk of {tmp_path} is full: ")
    assert str(unnamed).startswith(f"the disk of {tmp_path} is full: ")
    assert as_disk_full(other, tmp_path) is other


@pytest.mark.parametrize(
    "registration", [each for taken in WORKERS.values() for each in taken], ids=lambda each: each.command.__name__
)
def test_a_full_disk_is_waited_for(registration: Registration) -> None:
    """By every job as long as for a server that is away, whatever else fails it at once."""
    retry = registration.retry

    assert all(wait_after(retry, number, DiskFull(), 0.5) for number in range(1, OUTAGES))
    assert wait_after(retry, OUTAGES, DiskFull(), 0.5) is None
