"""Every benchmark beside its peer, in one run, and one table of what was reached: `python -m bench [NAME …]`.

What is measured over servers (bus, whole_jobs, elasticsearch) runs where their LEAT_TEST_… variable says that they are there.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import peer
from bench.results import ROWS, TARGETS, read, table

SERVERS = {
    "bus": ("LEAT_TEST_AMQP_URL",),
    "whole_jobs": ("LEAT_TEST_AMQP_URL", "LEAT_TEST_MONGODB_URL"),
    "elasticsearch": ("LEAT_TEST_ELASTICSEARCH_URL",),
}
"""What a benchmark needs."""
NAMES = tuple(dict.fromkeys(target.bench for target in TARGETS.values()))


def main() -> int:
    """Run them in turn, each in a process of its own; 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all where none is given")
    names = parser.parse_args().names
    if unknown := set(names) - set(NAMES):
        parser.error(f"there is no benchmark {min(unknown)!r}")
    peer.install()
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows"
        for name in names or NAMES:
            missing = [variable for variable in SERVERS.get(name, ()) if variable not in os.environ]
            if missing and not names:
                print(f"\n== {name}: left out, since {missing[0]} names no server", flush=True)
                continue
            print(f"\n== {name}", flush=True)
            done = subprocess.run([sys.executable, "-m", f"bench.{name}"], env=os.environ | {ROWS: str(rows)}, check=False)
            if done.returncode:
                failed.append(name)
        print(f"\n{table(read(rows))}")
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
