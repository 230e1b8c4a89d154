"""How soon `leat --help` answers, beside `biothings-cli --help`, in interleaved rounds of one run."""

import argparse
import statistics
import sys
from pathlib import Path

from bench.peer import PROGRAM
from bench.processes import Measured, measure
from bench.results import Ratio, tell


def main() -> None:
    """Medians and ratios to the peer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    leat = str(Path(sys.executable).with_name("leat"))
    commands = {"python -c pass": [sys.executable, "-c", "pass"], "leat --help": [leat, "--help"]}
    if PROGRAM.exists():
        commands["biothings-cli --help"] = [str(PROGRAM), "--help"]
    else:
        print(f"{PROGRAM} is missing, so the peer is left out")
    taken: dict[str, list[Measured]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            taken[name].append(measure(command))
    slowest = statistics.median(each.seconds for each in list(taken.values())[-1])
    print(f"{'':24}{'seconds':>9}{'ratio':>8}{'processor':>11}{'MB':>7}")
    for name, each in taken.items():
        seconds, processor, memory = (statistics.median(column) for column in zip(*((m[0], m[1], m[2]) for m in each), strict=True))
        print(f"{name:24}{seconds:9.3f}{seconds / slowest:8.2f}{processor:11.3f}{memory:7.0f}")
    if "biothings-cli --help" in taken:
        ours, theirs = (
            [statistics.median(column) for column in zip(*(each[:2] for each in taken[name]), strict=True)]
            for name in ("leat --help", "biothings-cli --help")
        )
        tell("start-up", Ratio(ours[0] / theirs[0], ours[1] / theirs[1]))


if __name__ == "__main__":
    main()
