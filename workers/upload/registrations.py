"""The commands that the upload worker takes, apart from the package: the process of a step imports no handler."""

from domain.errors import JobFailed, Refused
from events.sources import InspectSource, UploadSource
from workers.context import Registration, Retry
from workers.upload.handler import upload_source
from workers.upload.inspect import inspect_source

_RETRY = Retry(never=(Refused, JobFailed))

REGISTRATIONS = (
    Registration(command=UploadSource, handler=upload_source, retry=_RETRY),
    Registration(command=InspectSource, handler=inspect_source, retry=_RETRY),
)
