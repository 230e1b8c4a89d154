"""What the programs of the newer models share: run every configuration, then take every rule away, and say what broke.

A model is a class with `initial`, `steps`, `quiet`, `complaint` and `canonical` (see `explore` in jobs_model.py), made from a
configuration and the rules that hold. A program's `main` is

    python NAME_model.py                       every configuration with every rule (must be clean); then every rule is taken away,
                                               and the shortest way to what breaks is printed; exits 1 where either disappoints
    python NAME_model.py NAME..                the configurations whose names contain NAME
    python NAME_model.py RULE.. without        the smallest example that needs the rule, without it
    python NAME_model.py NAME.. without RULE.. the configurations without these rules, with the shortest trace
"""

import gc
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing import Pool
from typing import Any, NamedTuple

from jobs_model import explore, trace


class Program(NamedTuple):
    """A model with all it is run on."""

    model: type
    rules: Mapping[str, str]
    configs: Sequence[Any]
    without: Mapping[str, Sequence[Any]]
    """rule -> the smallest configurations that need it"""


class Found(NamedTuple):
    """What was found in one configuration."""

    violations: tuple[str, ...]
    states: int
    lines: tuple[str, ...]


def check(program: Program, config: Any, gone: Sequence[str] = (), *, first: bool = False) -> Found:
    """Explore one configuration without the rules `gone`; `first`: only up to the first violation."""
    model: Any = program.model(config, frozenset(program.rules) - set(gone))
    collecting, began = gc.isenabled(), time.time()
    states, parent, found, complete = explore(model, first=first)
    if collecting:
        gc.enable()
    how = "complete" if complete else "cut at the first violation"
    lines = [f"{config.name}: {len(states)} states, {time.time() - began:.1f} s, {how}, {len(found)} violation(s)"]
    for bad, here in found.items():
        lines += [f"  {bad}", *(f"      {label}" for label in trace(model, states, parent, here))]
    return Found(tuple(found), len(states), tuple(lines))


def _check(job: tuple[Program, Any, Sequence[str], bool]) -> Found:
    program, config, gone, first = job
    return check(program, config, gone, first=first)


def main(program: Program, words: Sequence[str]) -> int:
    """The program, given its command line; returns its exit status."""
    cut = words.index("without") if "without" in words else len(words)
    names, gone = words[:cut], words[cut + 1 :]
    if cut < len(words) and not gone:
        names, gone = (), names
    if unknown := set(gone) - set(program.rules):
        sys.exit(f"no such rule: {', '.join(sorted(unknown))}")
    rules = tuple(gone) if gone and not names else () if words else tuple(program.rules)
    configs = [] if gone and not names else [c for c in program.configs if not names or any(n in c.name for n in names)]
    wrong, total, began = 0, 0, time.time()
    with Pool(2, maxtasksperchild=1) as pool:
        jobs = [(program, config, gone, bool(gone)) for config in configs]
        for found in pool.imap_unordered(_check, jobs, chunksize=1):
            print("\n".join(found.lines), flush=True)
            total, wrong = total + found.states, wrong + bool(found.violations)
        print(f"{total} states in {len(jobs)} configurations, {time.time() - began:.0f} s; {wrong} with violations")
        cases = [(program, config, (rule,), True) for rule in rules for config in program.without[rule]]
        for case, found in zip(cases, pool.imap(_check, cases, chunksize=1), strict=True):
            (rule,) = case[2]
            print(f"\n{rule}: {program.rules[rule]}", *(found.lines[1:] or ["  NOTHING BREAKS"]), sep="\n", flush=True)
            wrong += not found.violations
    if not gone:
        print(f"\n{time.time() - began:.0f} s; {'as it should be' if not wrong else f'{wrong} not as it should be'}")
    return int(bool(wrong) and not gone)
