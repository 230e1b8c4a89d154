"""The commands that the build worker takes, apart from the package: the process of a step imports no handler."""

from domain.errors import JobFailed, Refused
from events.builds import RunBuild
from workers.build.handler import run_build
from workers.context import Registration, Retry

REGISTRATIONS = (Registration(command=RunBuild, handler=run_build, retry=Retry(never=(Refused, JobFailed))),)
