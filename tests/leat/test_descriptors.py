"""File descriptors of a hub's process."""

import resource

from leat.descriptors import for_connections, raise_limit


def test_connections_leave_descriptors_for_the_hub() -> None:
    """The limit is as high as it may be, and connections get what is wanted, half of all at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))

    allowed = raise_limit()

    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    assert for_connections(7) == 7
    if hard != resource.RLIM_INFINITY:
        assert for_connections(10**9) == allowed // 2 == hard // 2
