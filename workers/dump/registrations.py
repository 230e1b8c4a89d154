"""The commands that the dump worker takes, apart from the package: the process of a step imports no handler."""

from domain.errors import Refused
from events.sources import DumpSource
from workers.context import Registration, Retry
from workers.dump.errors import DumpRefused
from workers.dump.handler import dump_source

REGISTRATIONS = (
    Registration(command=DumpSource, handler=dump_source, retry=Retry(attempts=4, base=5.0, never=(Refused, DumpRefused))),
)
