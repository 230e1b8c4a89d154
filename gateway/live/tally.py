"""What this process has heard of jobs: which finished in the last minute, and when those that run were begun."""

import time
from collections import OrderedDict, deque

from events.catalogue import COMMANDS
from events.jobs import JobFinished, JobStarted
from events.message import Event

MINUTE = 60.0
RUNNING = 100_000
"""Jobs begun and not finished that are remembered at most; the end of one may never be heard."""
QUEUE_OF = {command.__name__: command.queue for command in COMMANDS}


class Tally:
    """Heeds events as they come; a lost one is not counted."""

    def __init__(self) -> None:
        self._finished: dict[str, deque[float]] = {queue: deque() for queue in QUEUE_OF.values()}
        """By queue: when jobs finished, by this process's monotonic clock."""
        self._begun: OrderedDict[str, float] = OrderedDict()
        """By job: when its last attempt began, as its event says."""

    def heed(self, event: Event) -> float | None:
        """Count it; returns how many seconds a job took where it is the end of one whose begin was heard."""
        if isinstance(event, JobStarted):
            self._begun[event.job_id] = event.at
            if len(self._begun) > RUNNING:
                self._begun.popitem(last=False)
        elif isinstance(event, JobFinished) and event.command in QUEUE_OF:
            queue = QUEUE_OF[event.command]
            self._finished[queue].append(time.monotonic())
            self.rate(queue)  # forgets what is older
            begun = self._begun.pop(event.job_id, None)
            return None if begun is None else max(0.0, event.at - begun)
        return None

    def rate(self, queue: str) -> int:
        """Jobs of the queue that finished in the last minute."""
        finished, since = self._finished[queue], time.monotonic() - MINUTE
        while finished and finished[0] < since:
            finished.popleft()
        return len(finished)
