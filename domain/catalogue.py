"""What the job engine is told of every noun: one line a noun in each of these tables (docs/adding-a-noun.md).

The engine gets them through `Hub.catalogue`, and imports no noun.
"""

from domain import parts
from domain.data import apis, schedules
from domain.data.apis import APIS
from domain.data.builds import BUILDS
from domain.data.heaps import COLLECTIONS, DUMP_FOLDERS, INDEXES
from domain.data.schedules import SCHEDULES
from domain.data.sources import SOURCES
from domain.hub import Catalogue, Chore, Follower, NounRow, Rule
from domain.jobs.dead_letters import DEAD_LETTERS
from domain.jobs.garbage import SEEN
from domain.jobs.holds import ALLOWANCES
from domain.jobs.jobs import JOBS
from domain.jobs.old_logs import LOGS
from domain.jobs.plans import RUNS
from domain.jobs.presence import WORKERS
from domain.notifications import chores as notifications
from domain.notifications.channels import CHANNELS
from domain.notifications.followers import TOLD
from domain.notifications.inboxes import INBOXES
from domain.notifications.lanes import LANES
from domain.notifications.notifications import NOTIFICATIONS, STREAKS

NOUNS = {
    "source": NounRow(table=SOURCES, heaps=(COLLECTIONS, DUMP_FOLDERS)),
    "build": NounRow(table=BUILDS, heaps=(COLLECTIONS,)),
    "api": NounRow(table=APIS, heaps=(INDEXES,)),
}
"""Nouns that jobs make outputs for, and where those lie."""

ENTITIES = (
    SOURCES,
    BUILDS,
    APIS,
    SCHEDULES,
    CHANNELS,
)
"""Everything that people make, edit and remove."""

FOLLOWERS: tuple[Follower, ...] = (*TOLD,)
"""What follows which event."""

CHORES = (
    Chore(name="schedules", seconds=1.0, begin=schedules.Firing),
    Chore(name="parts", seconds=3600.0, begin=lambda: lambda hub: parts.sweep(hub.files)),
    *notifications.CHORES,
    Chore(name="aliases", seconds=600.0, begin=lambda: apis.publish_all),
)
"""What the reaper of every process does for a noun."""

RULES: tuple[Rule, ...] = ()
"""What holds jobs back, and admits them in turn. Of a command one rule speaks at most."""

TABLES = (JOBS, RUNS, LOGS, WORKERS, SEEN, DEAD_LETTERS, ALLOWANCES, NOTIFICATIONS, STREAKS, LANES, INBOXES)
"""What else is kept in the records."""

CATALOGUE = Catalogue(
    kinds=tuple(table.kind for table in (*ENTITIES, *TABLES)),
    nouns=NOUNS,
    entities=ENTITIES,
    followers=FOLLOWERS,
    chores=CHORES,
    rules=RULES,
)
