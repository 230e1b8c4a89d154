"""The models of the protocols in docs/model, run small: clean with every rule, and broken without any one of them.

All of their configurations take minutes: `python docs/model/NAME_model.py`.
"""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import checking
import followers_model
import holds_model
import inputs_model
import jobs_model
import outside_model
import pytest

PAGES = Path(__file__).parents[2] / "docs" / "model"
JOB, CHAIN = {"uploads": 1, "faults": (1, 0, 1, 0, 1)}, {"builds": 2, "faults": (0,) * 5, "verdicts": "", "done": 1}
PART = {**JOB, "parts": 1}
JOBS = {"partly": PART, "settle": JOB, "recheck": JOB, "point": JOB, "relieve": JOB, "named": JOB, "order": CHAIN, "reread": CHAIN}
"""Rules of the jobs' model that a small configuration needs."""
FOLLOWERS = [config for config in followers_model.CONFIGS if config.name in ("a noun and a job", "two followers, three edits")]
FOLLOWERS += [
    config for config in followers_model.CONFIGS if config.name in ("upgrade, three edits, two deaths", "a follower raises")
]
HOLDS = (
    "two people, three jobs, a death",
    "two people, three jobs, a cancel",
    "a window opens",
    "turns",
    "nobody reaps, three jobs",
)
OUTSIDE = ("deaths, SIGTERM", "opened again, with requests", "attempts load the result, two wrong verdicts")


@pytest.fixture(autouse=True)
def _collecting() -> Iterator[None]:
    """A model that explores turns the garbage collector off."""
    yield
    gc.enable()


def small(program: checking.Program, names: tuple[str, ...]) -> list[Any]:
    """The configurations whose names contain one of these."""
    return [config for config in program.configs if any(name in config.name for name in names)]


@pytest.mark.parametrize("model", [jobs_model, inputs_model])
def test_jobs_are_never_lost(model: Any) -> None:
    """One upload with a death, a cancel, a failure and wrong verdicts violates nothing."""
    _, _, found, complete = jobs_model.explore(model.Model(model.Config("-", **JOB)))

    assert (found, complete) == ({}, True)


def test_a_part_that_failed_is_never_lost() -> None:
    """Whoever finishes an upload whose output says that a part of it failed, its owner or a reaper, ends it FAILED."""
    _, _, found, complete = jobs_model.explore(jobs_model.Model(jobs_model.Config("-", **PART)))

    assert (found, complete) == ({}, True)


@pytest.mark.parametrize("rule", JOBS)
def test_jobs_need_the_rule(rule: str) -> None:
    """Without the rule a small configuration of jobs violates something."""
    rules = frozenset(jobs_model.RULES) - {rule}

    _, _, found, _ = jobs_model.explore(jobs_model.Model(jobs_model.Config("-", **JOBS[rule]), rules, renumber=False), first=True)

    assert found


@pytest.mark.parametrize("config", FOLLOWERS, ids=lambda config: config.name)
def test_followers_are_told(config: Any) -> None:
    """What follows an event is asked for once, whichever process dies."""
    bad, _, lines = followers_model.run((config, [], False))

    assert not bad, "\n".join(lines)


@pytest.mark.parametrize("rule", [*followers_model.WITHOUT, *followers_model.LETTERS])
def test_followers_need_the_rule(rule: str) -> None:
    """Without the rule an event is not followed, or twice, or something else that must never be."""
    config = followers_model.WITHOUT.get(rule) or followers_model.SMALL[rule]

    assert followers_model.run((config, [rule], True))[0]


@pytest.mark.parametrize("config", small(holds_model.PROGRAM, HOLDS), ids=lambda config: config.name)
def test_held_jobs_are_admitted_in_turn(config: holds_model.Config) -> None:
    """No more jobs go on than the limit, and each that is held is admitted in its turn."""
    found = checking.check(holds_model.PROGRAM, config)

    assert not found.violations, "\n".join(found.lines)


@pytest.mark.parametrize("rule", holds_model.RULES)
def test_holds_need_the_rule(rule: str) -> None:
    """Without the rule each of its examples goes wrong."""
    assert all(checking.check(holds_model.PROGRAM, config, [rule], first=True).violations for config in holds_model.WITHOUT[rule])


@pytest.mark.parametrize("config", small(outside_model.PROGRAM, OUTSIDE), ids=lambda config: config.name)
def test_work_outside_is_neither_lost_nor_doubled(config: outside_model.Config) -> None:
    """Work outside runs once for its job, is adopted, and is stopped with it."""
    found = checking.check(outside_model.PROGRAM, config)

    assert not found.violations, "\n".join(found.lines)


@pytest.mark.parametrize("rule", outside_model.RULES)
def test_work_outside_needs_the_rule(rule: str) -> None:
    """Without the rule each of its examples goes wrong."""
    assert all(
        checking.check(outside_model.PROGRAM, config, [rule], first=True).violations for config in outside_model.WITHOUT[rule]
    )


@pytest.mark.parametrize(("page", "rules"), [("HOLDS.md", holds_model.RULES), ("OUTSIDE.md", outside_model.RULES)])
def test_every_rule_is_written_down(page: str, rules: dict[str, str]) -> None:
    """The page has a row for each rule of the model, and no other."""
    lines = (PAGES / page).read_text().splitlines()

    assert sorted(line.split("`")[1] for line in lines if line.startswith("| `")) == sorted(rules)
