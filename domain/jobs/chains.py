"""Chains: which steps of a run are ready, and how the run stands, as pure functions of its plan and its jobs."""

from collections.abc import Mapping
from typing import Literal

from domain.jobs.jobs import Job
from domain.jobs.plans import Run, Step

RunState = Literal["RUNNING", "SUCCEEDED", "HELD", "FAILED", "CANCELED"]


def ready(run: Run, jobs: Mapping[str, Job]) -> tuple[Step, ...]:
    """The steps that may be asked for: they were not asked for yet, and every step that they come after has SUCCEEDED."""
    if run.cancelled:
        return ()
    return tuple(step for step in run.steps if step.name not in jobs and all(_succeeded(jobs.get(name)) for name in step.after))


def followed(run: Run, step: str) -> bool:
    """Does any step come after this one?"""
    return any(step in other.after for other in run.steps)


def state(run: Run, jobs: Mapping[str, Job]) -> RunState:
    """How the run stands: RUNNING while any job is unfinished or any step ready; then the worst of its jobs. HELD: all of
    them SUCCEEDED, and what one of them made is kept back."""
    if any(job.state != "FINISHED" for job in jobs.values()) or ready(run, jobs):
        return "RUNNING"
    outcomes = {job.outcome for job in jobs.values()}
    if outcomes & {"FAILED", "TIMED_OUT"}:
        return "FAILED"
    if run.cancelled or "CANCELED" in outcomes:
        return "CANCELED"
    return "HELD" if any(map(_is_held, jobs.values())) else "SUCCEEDED"


def state_alone(job: Job) -> RunState:
    """How a job that is a run by itself stands."""
    match job.outcome:
        case None:
            return "RUNNING"
        case "TIMED_OUT":
            return "FAILED"
        case "SUCCEEDED" if _is_held(job):
            return "HELD"
        case outcome:
            return outcome


def _is_held(job: Job) -> bool:
    return bool(job.result and job.result.get("held"))


def _succeeded(job: Job | None) -> bool:
    return job is not None and job.outcome == "SUCCEEDED"
