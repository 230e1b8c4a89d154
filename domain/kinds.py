"""Every kind of record, for `Records.prepare`."""

from domain.apis import APIS
from domain.builds import BUILDS
from domain.dead_letters import DEAD_LETTERS
from domain.garbage import SEEN
from domain.jobs import JOBS
from domain.logs import LOGS
from domain.plans import RUNS
from domain.ports import Kind
from domain.presence import WORKERS
from domain.schedules import SCHEDULES
from domain.sources import SOURCES

KINDS: tuple[Kind, ...] = tuple(
    shelf.kind for shelf in (SOURCES, BUILDS, APIS, JOBS, RUNS, LOGS, WORKERS, SEEN, DEAD_LETTERS, SCHEDULES)
)
