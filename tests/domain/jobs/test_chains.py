"""Which steps of a run are ready, and how the run stands."""

import msgspec
import pytest

from domain.jobs import chains
from domain.jobs.chains import RunState
from domain.jobs.jobs import Job
from domain.jobs.plans import Run, Step
from events.jobs import Outcome

STEPS = (Step(name="a", command={}), Step(name="b", command={}), Step(name="c", command={}, after=("a", "b")))


def job(outcome: Outcome | None) -> Job:
    """A job that ended so, or runs."""
    state = "FINISHED" if outcome else "RUNNING"
    return Job(run_id="r", command={}, type="", queue="", input_hash="", created_at=0.0, state=state, outcome=outcome)


def run(cancelled: bool = False) -> Run:
    """A run in which c follows a and b."""
    return Run(title="", created_at=0.0, steps=STEPS, cancelled=cancelled)


@pytest.mark.parametrize(
    ("outcomes", "cancelled", "ready", "state"),
    [
        ({}, False, ["a", "b"], "RUNNING"),
        ({"a": None}, False, ["b"], "RUNNING"),
        ({"a": "SUCCEEDED", "b": None}, False, [], "RUNNING"),
        ({"a": "SUCCEEDED", "b": "SUCCEEDED"}, False, ["c"], "RUNNING"),
        ({"a": "SUCCEEDED", "b": "FAILED"}, False, [], "FAILED"),
        ({"a": "SUCCEEDED", "b": "TIMED_OUT"}, False, [], "FAILED"),
        ({"a": "SUCCEEDED", "b": "CANCELED"}, False, [], "CANCELED"),
        ({"a": "CANCELED", "b": "FAILED"}, False, [], "FAILED"),
        ({"a": None, "b": "FAILED"}, False, [], "RUNNING"),
        ({"a": "SUCCEEDED", "b": "SUCCEEDED", "c": "SUCCEEDED"}, False, [], "SUCCEEDED"),
        ({"a": "SUCCEEDED", "b": "SUCCEEDED"}, True, [], "CANCELED"),
        ({"a": "SUCCEEDED", "b": None}, True, [], "RUNNING"),
    ],
)
def test_ready_and_state(outcomes: dict[str, Outcome | None], cancelled: bool, ready: list[str], state: RunState) -> None:
    """By what became of the steps so far."""
    jobs = {name: job(outcome) for name, outcome in outcomes.items()}
    assert [step.name for step in chains.ready(run(cancelled), jobs)] == ready
    assert chains.state(run(cancelled), jobs) == state


def test_followed() -> None:
    """Only a step that another one comes after has a chain to run."""
    assert chains.followed(run(), "a")
    assert not chains.followed(run(), "c")


@pytest.mark.parametrize(
    ("outcome", "state"),
    [(None, "RUNNING"), ("SUCCEEDED", "SUCCEEDED"), ("FAILED", "FAILED"), ("TIMED_OUT", "FAILED"), ("CANCELED", "CANCELED")],
)
def test_a_job_that_is_a_run_by_itself(outcome: Outcome | None, state: RunState) -> None:
    """It stands as its job does."""
    assert chains.state_alone(job(outcome)) == state


def test_what_is_kept_back_holds_the_run() -> None:
    """Where every job SUCCEEDED and one says `held`; a step that failed, or is to come, goes before."""
    done, kept = job("SUCCEEDED"), msgspec.structs.replace(job("SUCCEEDED"), result={"type": "ReleaseCreated", "held": ["too few"]})
    passed = msgspec.structs.replace(kept, result={"type": "ReleaseCreated", "accepted_despite": ["too few"]})

    assert chains.state_alone(kept) == "HELD"
    assert chains.state_alone(passed) == "SUCCEEDED"
    assert chains.state(run(), {"a": done, "b": done, "c": kept}) == "HELD"
    assert chains.state(run(), {"a": kept, "b": done}) == "RUNNING"
    assert chains.state(run(), {"a": kept, "b": job("FAILED")}) == "FAILED"
