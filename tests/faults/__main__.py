"""`python -m tests.faults`: runs at random, 200 on the embedded stack, 50 on the servers and two long outages; SEED=… repeats one.

--embedded N    runs on the embedded stack (200)
--servers N     runs on the servers (50; none where LEAT_TEST_AMQP_URL and its like are not set)
--seed SEED     one run: what was printed as its seed
--at-a-time N   runs side by side (2)
"""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from tests.faults import fork_server, stack
from tests.faults.front import patient_client
from tests.faults.seeds import fresh, hold
from tests.services import URLS


def main() -> int:
    """Do the runs; the exit code says whether all held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedded", type=int, default=200)
    parser.add_argument("--servers", type=int, default=50)
    parser.add_argument("--seed", default=os.environ.get("SEED", ""))
    parser.add_argument("--at-a-time", type=int, default=2)
    flags = parser.parse_args()
    urls = {server: os.environ.get(URLS[server], "") for server in stack.SERVERS}
    if flags.seed:
        seeds = [flags.seed]
    else:
        seeds = fresh("embedded", flags.embedded)
        if all(urls.values()):
            seeds += [*fresh("servers", flags.servers), *fresh("long", flags.servers and 2)]
    folder = Path(tempfile.mkdtemp(prefix="leat-faults-"))
    with fork_server.opened() as opened, patient_client():
        failures = asyncio.run(hold(opened, seeds, folder, urls, at_a_time=flags.at_a_time, say=say))
    say(f"{len(seeds) - len(failures)} of {len(seeds)} runs held")
    if failures:
        return 1
    folder.rmdir()
    return 0


def say(text: str) -> None:
    """One line to whoever runs this."""
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
