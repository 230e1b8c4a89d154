"""What processes take of their machine, as workers say it of themselves."""

import os
import subprocess
import sys

from workers.consumption import consumption

HOLDING = "import sys; held = b'x' * (96 * 2**20); sum(range(3 * 10**6)); print(flush=True); sys.stdin.read()"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLDING!r}])"


def test_children_of_children_are_told_with_their_memory() -> None:
    """The largest first, with the processor time that each took; those that ended are gone."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout
        started.stdout.readline()

        own, children = consumption()
        assert started.stdin
        started.stdin.close()

    assert own.pid == os.getpid()
    assert own.memory > 2**20
    assert own.seconds > 0
    assert children[0].memory > 96 * 2**20
    assert 0 < children[0].seconds < 60
    assert started.pid in [each.pid for each in children[1:]]
    assert started.pid not in [each.pid for each in consumption()[1]]
