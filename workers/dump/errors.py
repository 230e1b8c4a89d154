"""What ends a dump, beyond what may be tried again."""

from domain.errors import JobFailed


class DownloadFailed(JobFailed):
    """A file could not be fetched now; trying again later may help."""

    code = "DOWNLOAD_FAILED"


class DumpRefused(JobFailed):
    """What was fetched, or asked for, can't be a dump, and trying again does not help."""

    code = "DUMP_REFUSED"
