"""How a command ends: the numbers that scripts look at."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes; docs/cli.md has the same table."""

    DONE = 0
    """What was asked for is done."""
    FAILED = 1
    """The job, or a step of the run, ended FAILED, TIMED_OUT or CANCELED; or a part that was checked does not answer."""
    USAGE = 2
    """The command line or a setting is wrong."""
    REFUSED = 3
    """The hub refused: nothing of that name, a conflict, an invalid value, not ready."""
    UNREACHABLE = 4
    """The hub can't be reached, or broke while it answered."""
    UNAUTHENTICATED = 5
    """The token is missing or wrong."""
    HELD = 6
    """The run did its work, and a release of it is held: what was served before is served on until somebody accepts it."""
    DETACHED = 130
    """Ctrl-C: the command let go; a job that it followed goes on."""


class Ended(Exception):
    """The command ends here, with a message to the user."""

    def __init__(self, exit: Exit, message: str = "", code: str = "") -> None:
        from domain.masking import masked  # only where a command ends so: `--help` is to import little

        message = masked(message)
        super().__init__(message)
        self.code = code
        """What the hub calls it, such as CONFLICT; empty where no hub said so."""
        self.exit = exit
        self.message = message
