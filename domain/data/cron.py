"""Cron expressions: five fields, or six with the seconds last, as BioThings' manifests have them."""

from collections.abc import Iterator
from datetime import datetime

from cronsim import CronSim, CronSimError


def moments(cron: str, start: datetime, *, backwards: bool = False) -> Iterator[datetime]:
    """The times that it names after `start`, or before it, in the time zone of `start`."""
    times: Iterator[datetime] = CronSim(_seconds_first(cron), start, reverse=backwards)
    return times


def reason_against(cron: str) -> str:
    """Why this is no cron expression; empty where it is one."""
    try:
        if next(moments(cron, datetime(2001, 1, 1)), None) is None:  # noqa: DTZ001  any time does, in any zone
            return "such a time never comes"
    except CronSimError as error:
        return str(error)
    return ""


def _seconds_first(cron: str) -> str:
    """The expression as CronSim reads it: with the seconds first."""
    fields = cron.split()
    return " ".join([fields[5], *fields[:5]]) if len(fields) == 6 else cron
