"""Who has a TCP port of this machine, so that a refusal can name it (Linux; elsewhere nobody is named)."""

import os
from pathlib import Path

LISTENING = "0A"
"""The state in /proc/net/tcp."""


def holder(port: int) -> str:
    """`process 4711 (python)` that listens on the port, as far as this user may see it."""
    inodes = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listening(Path("/proc/net") / table, port)}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(link) in inodes for link in (process / "fd").iterdir()):
                return f"process {process.name} ({(process / 'comm').read_text().strip()})"
        except OSError:  # it ended, or is another user's
            continue
    return "another process"


def _listening(table: Path, port: int) -> list[str]:
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return []
    rows = [line.split() for line in lines]
    return [row[9] for row in rows if row[3] == LISTENING and int(row[1].rsplit(":", 1)[1], 16) == port]
