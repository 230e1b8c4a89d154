"""The job manager that dumpers and uploaders are handed: it runs what it is given, at once, in this process."""

from collections.abc import Callable
from typing import Any


class JobManager:
    """Runs functions in turn."""

    async def defer_to_process(self, pinfo: Any, func: Callable[..., Any], *args: Any) -> Any:
        """The function's result."""
        return func(*args)

    async def defer_to_thread(self, pinfo: Any, func: Callable[..., Any], *args: Any) -> Any:
        """The function's result."""
        return func(*args)
