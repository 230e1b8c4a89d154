"""Every kind of record, for `Records.prepare`."""

from domain.data.apis import APIS
from domain.data.builds import BUILDS
from domain.data.schedules import SCHEDULES
from domain.data.sources import SOURCES
from domain.jobs.dead_letters import DEAD_LETTERS
from domain.jobs.garbage import SEEN
from domain.jobs.jobs import JOBS
from domain.jobs.old_logs import LOGS
from domain.jobs.plans import RUNS
from domain.jobs.presence import WORKERS
from domain.ports.records import Kind

KINDS: tuple[Kind, ...] = tuple(
    table.kind for table in (SOURCES, BUILDS, APIS, JOBS, RUNS, LOGS, WORKERS, SEEN, DEAD_LETTERS, SCHEDULES)
)
