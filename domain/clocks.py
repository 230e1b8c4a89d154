"""Clocks: moments that were written down earlier, perhaps by another machine, compared with the clock here."""

SKEW = 5.0
"""Seconds by which the clocks of two machines may differ."""


def is_over(began: float, end: float, now: float) -> bool:
    """Is a wait over that was to last from `began` until `end` (all of them Unix seconds)?

    It is over, too, where it began in the future by more than clocks differ: then a clock was put back since, and nobody should
    wait until it comes to that time again.
    """
    return end <= now or began > now + SKEW
