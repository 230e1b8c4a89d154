"""What ends a dump, beyond what may be tried again."""

from domain.errors import JobFailed


class DownloadFailed(JobFailed):
    """A file could not be fetched now; trying again later may help."""

    code = "DOWNLOAD_FAILED"


class DumpRefused(JobFailed):
    """What was fetched, or asked for, can't be a dump, however often it is tried."""

    code = "DUMP_REFUSED"
