"""Clocks: moments that were written down earlier, perhaps by another machine, as the clock here sees them."""

SKEW = 5.0
"""Seconds by which the clocks of two machines may differ."""


def is_over(began: float, end: float, now: float) -> bool:
    """Is a wait over that began at one moment and was to end at the other (all of them Unix seconds)?

    Also where it began in the future by more than clocks differ: then a clock was put back since, and nobody should wait until it
    comes there again.
    """
    return end <= now or began > now + SKEW
