"""Sending: a queued job's command goes to the bus, its record says when, and watchers hear of what changed."""

import logging
import time

import msgspec

from domain.errors import Stale, Unavailable
from domain.hub import Hub
from domain.jobs.jobs import JOBS, UNSENT, Job
from domain.nouns import Stored
from events.bus import BusError, Control
from events.catalogue import command_from, event_from

log = logging.getLogger(__name__)

POSTPONED = 60.0
"""Seconds for which a job that can't be sent now is put behind others that are due."""


async def send(hub: Hub, stored: Stored[Job]) -> None:
    """Give a queued job's command to the bus, then say so in its record; not where it is held. What fails is left to the reaper."""
    if stored.value.is_held:
        return
    try:
        await hub.bus.send(command_from(stored.value.command))
        await JOBS.replace(hub.records, stored, msgspec.structs.replace(stored.value, sent_at=time.time(), due_at=0.0))
    except Stale:
        pass  # it was claimed or cancelled already
    except (BusError, Unavailable) as error:
        log.warning("command not sent", extra={"job_id": stored.id, "error": str(error)})


async def resend(hub: Hub, stored: Stored[Job]) -> bool:
    """Send a queued job on behalf of whoever should have: the compare-and-set on `sent_at` comes first, so that of many
    processes one does it. False where it is held. Raises BusError, having put `sent_at` back."""
    if stored.value.is_held:
        return False
    due = msgspec.structs.replace(stored.value, sent_at=time.time(), due_at=0.0, waiting_for="")
    try:
        command = command_from(due.command)
    except msgspec.ValidationError as error:
        if await postpone(hub, stored):
            log.error("a job's command is of another version of Leat", extra={"job_id": stored.id, "error": str(error)})
        return False
    try:
        marked = await JOBS.replace(hub.records, stored, due)
    except Stale:
        return False
    try:
        await hub.bus.send(command)
    except BusError:
        await replace_unless_changed(hub, marked, msgspec.structs.replace(due, sent_at=0.0, due_at=time.time() + UNSENT))
        raise
    return True


async def postpone(hub: Hub, stored: Stored[Job]) -> bool:
    """For a job that can't be sent now: others come first for a minute. A reaper may look at it all the same; then nothing is
    written, and this returns False."""
    now = time.time()
    if stored.value.due_at > now:
        return False
    await replace_unless_changed(hub, stored, msgspec.structs.replace(stored.value, due_at=now + POSTPONED))
    return True


def without_untold(hub: Hub, job: Job) -> Job:
    """A job that ended, without its list of events where nothing can follow them: that saves a write."""
    if job.step or not job.is_untold or any(hub.may_be_followed(event_from(plain)) for plain in job.untold):
        return job
    return msgspec.structs.replace(job, untold=(), is_untold=False)


async def replace_unless_changed(hub: Hub, stored: Stored[Job], job: Job) -> None:
    """Replace the record, unless somebody else has changed it: then theirs stands."""
    try:
        await JOBS.replace(hub.records, stored, job)
    except Stale:
        return


async def publish(hub: Hub, stored: Stored[Job], count: int) -> None:
    """Tell watchers of the newest `count` events of the record as it was saved."""
    events = stored.value.events
    for plain in events[len(events) - count :]:  # none of them where count is 0, as it is with every beat
        await hub.announce(event_from(plain))


async def signal(hub: Hub, word: Control) -> None:
    """Tell every process; a hint, so a bus that can't be reached is logged only."""
    try:
        await hub.bus.signal(word)
    except BusError as error:
        log.warning("control word not sent", extra={"word": word.word, "job_id": word.job_id, "error": str(error)})
