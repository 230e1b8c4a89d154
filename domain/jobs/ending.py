"""The end of an attempt, whoever ends it: its owner, or who settles it because its owner is dead."""

import logging

from domain.errors import Unavailable
from domain.hub import Hub
from domain.jobs import following, garbage, holds, sending, writers
from domain.jobs.attempts import Attempt
from domain.jobs.jobs import JOBS, Job
from domain.jobs.verdicts import GaveUp, Succeeded, Verdict, Waiting

log = logging.getLogger(__name__)


async def end(hub: Hub, attempt: Attempt, verdict: Verdict, output: str) -> Job:
    """End the attempt in the record, free the noun, and ask for what follows, in the order of docs/protocol.md.

    `output` is the name of what the attempt, or the dead one before it, has written. Called again after Unavailable, it goes on
    where it was. Raises JobSuperseded where another attempt took the job over: then nothing more is touched.
    """
    if not attempt.is_over:
        verdict = await _as_the_noun_says(hub, attempt, verdict)
        await _drop_what_nobody_reads(hub, attempt.job.handle, verdict, output)
        await attempt.finish(verdict)
    if not attempt.job.handle:  # while something runs elsewhere, no other job works on the noun
        await writers.free(hub, attempt.target, attempt.name)
        await writers.wake(hub, attempt.target)
    await holds.give_back(hub, attempt.stored)
    await _send_at_once(hub, attempt)
    await following.follow(hub, JOBS, attempt.stored)
    return attempt.job


async def _as_the_noun_says(hub: Hub, attempt: Attempt, verdict: Verdict) -> Verdict:
    """A job that had switched has SUCCEEDED, whatever happened to its attempt afterwards; from here on nothing of it can switch."""
    if isinstance(verdict, Succeeded) or not attempt.target:
        return verdict
    made = await writers.close(hub, attempt.target, attempt.id, attempt.number)
    return Succeeded(made, switched=True) if made else verdict


async def _drop_what_nobody_reads(hub: Hub, handle: str, verdict: Verdict, output: str) -> None:
    """What the attempt has written; and what ran elsewhere has written once that was stopped, never before."""
    if isinstance(verdict, Succeeded | Waiting):
        return
    for name in {output, handle} if isinstance(verdict, GaveUp) else {output} - {handle}:
        try:
            await garbage.drop_output(hub, name)
        except Unavailable as error:
            log.warning("output is left to garbage collection", extra={"output": name, "error": error.message})


async def _send_at_once(hub: Hub, attempt: Attempt) -> None:
    """What was put back and waits for nothing goes out again."""
    job = attempt.job
    if job.state == "QUEUED" and not job.waiting_for and not job.not_before:
        await sending.send(hub, attempt.stored)
