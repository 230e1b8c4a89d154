"""The commands that the index worker takes, apart from the package: the process of a step imports no handler."""

from domain.errors import JobFailed, Refused
from events.apis import CreateRelease, ValidateMapping
from workers.context import Registration, Retry
from workers.index.release import create_release
from workers.index.validate import validate_mapping

_RETRY = Retry(never=(Refused, JobFailed))

REGISTRATIONS = (
    Registration(command=CreateRelease, handler=create_release, retry=_RETRY),
    Registration(command=ValidateMapping, handler=validate_mapping, retry=_RETRY, timeout=3600.0),
)
