"""A sandbox around programs that plugins bring, by bubblewrap: namespaces in which nothing of the machine is there but what a
program is given. It needs no rights, where the system gives user namespaces to everybody; containers often don't."""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from domain.errors import LeatError

PROGRAM = "bwrap"
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Programs and libraries, which every user of the machine can read."""
CONFIGURATION = (
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "gai.conf",
    "group",
    "host.conf",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "passwd",
    "pip.conf",
    "pki",
    "protocols",
    "resolv.conf",
    "services",
    "ssl",
    "timezone",
)
"""What they read of /etc: nothing that is secret."""
ALONE = ("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev")
"""Own processes, users, network and devices, no rights beyond those of the user, and an end with whoever started it."""
SCRATCH = ("/tmp", "/dev/shm")
"""Where programs expect to write: on the disk here, since a file system in memory would go past every limit of memory."""
PATIENCE = 10.0
"""Seconds that the trial may take."""


class SandboxMissing(LeatError):
    """LEAT_PLUGIN_SANDBOX=on, and this machine has no sandbox for plugins."""

    code = "SANDBOX_MISSING"


def sandboxed(
    command: Sequence[str], *, writable: Path, scratch: Path, readable: Iterable[Path | str], network: bool, folder: Path
) -> tuple[str, ...]:
    """The command as it runs in the sandbox, in `folder`: of the machine's files it finds the system's, Python's, and these.
    What it writes to SCRATCH lands in the folder `scratch`."""
    options = [*ALONE, *(("--share-net",) if network else ())]
    for place in SCRATCH:
        options += ["--bind", str(scratch), place]
    for shown in (*SYSTEM, *(f"/etc/{name}" for name in CONFIGURATION), *_pythons(), *map(os.path.abspath, readable)):
        options += ["--ro-bind-try", shown, shown]
    options += ["--bind", str(writable), str(writable), "--remount-ro", "/dev", "--remount-ro", "/"]
    return (PROGRAM, *options, "--chdir", str(folder), "--", *command)


@functools.cache
def reason_against() -> str:
    """Why there is no sandbox on this machine; empty where there is one. It is tried once in a process."""
    if sys.platform != "linux" or shutil.which(PROGRAM) is None:
        return f"{PROGRAM} is not installed (Debian's package bubblewrap)"
    program = (sys.executable, "-I", "-S", "-c", "")
    with tempfile.TemporaryDirectory() as name:
        own = Path(name)
        trial = sandboxed(program, writable=own, scratch=own, readable=(), network=False, folder=own)
        try:
            tried = subprocess.run(trial, capture_output=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            return f"{PROGRAM} did not end within {PATIENCE:g} s"
    return tried.stderr.decode(errors="replace").strip() or f"exit code {tried.returncode}" if tried.returncode else ""


def is_used(setting: str) -> bool:
    """Whether plugins run in the sandbox, by LEAT_PLUGIN_SANDBOX: auto, on or off. Raises SandboxMissing where it has to be."""
    if setting == "off":
        return False
    reason = reason_against()
    if setting == "on" and reason:
        raise SandboxMissing(f"LEAT_PLUGIN_SANDBOX=on, and there is no sandbox on this machine: {reason}")
    return not reason


def _pythons() -> tuple[str, ...]:
    """Where our interpreter and its library lie; what is below /usr is there anyway."""
    return (sys.base_prefix, str(Path(sys.executable).resolve().parent), sys.prefix)
