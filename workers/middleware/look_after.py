"""What a handler has running elsewhere is looked after when the handler has ended."""

from collections.abc import Awaitable, Callable

from domain.errors import Unreadable
from events.message import Event
from workers.middleware.call import Call
from workers.outside import WorkOutside
from workers.running import GivenUp


async def look_after(call: Call, inside: Callable[[], Awaitable[Event]]) -> Event:
    """Stop what runs elsewhere where the job is not to go on with it: because it fails here, is cancelled, or because an earlier
    attempt gave it up; then the handler is not called. Raises GivenUp once nothing runs any more."""
    job, registration = call.job, call.registration
    if registration.outside is None:
        if job.attempt.job.handle:
            raise Unreadable(f"another version of Leat has {job.job.type} running elsewhere, and has to go on with it")
        return await inside()
    job.elsewhere = WorkOutside(job, registration.outside(call.command, job.hub), registration)
    if job.attempt.job.ending:
        await job.elsewhere.stop()
        raise GivenUp
    try:
        event = await inside()
        job.elsewhere.check_ended()
    except BaseException as error:
        if not await job.elsewhere.give_up(error):
            raise
        await job.elsewhere.stop()
        raise GivenUp from error
    return event
