"""Callers: who asks, and what they may do. Everything that depends on who asks looks at one of these values."""

from collections.abc import Hashable

import msgspec

ADMINISTER = "administer"
"""The scope of callers who may do, and see, everything."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, as authentication found out."""

    actor: str
    """Who: `administrator`, `anonymous`. Jobs and runs are `asked_by` it, and idempotency keys are its own."""
    scopes: frozenset[str]
    """What may be done."""
    budget: str
    """Callers for whom this is equal share a minute's budget."""

    @property
    def sharing(self) -> Hashable:
        """Callers for whom this is equal see the same, so live answers are shared among them. This is a security boundary."""
        return self.actor, self.scopes


ADMINISTRATOR = Caller(actor="administrator", scopes=frozenset({ADMINISTER}), budget="administrator")
"""The caller who shows the hub's token. The actor's name can't change: ids of jobs are derived from it and the idempotency key.
Under another name, a client that asks again would do twice what it means to do once."""
ANONYMOUS = Caller(actor="anonymous", scopes=frozenset(), budget="anonymous")
"""The caller who shows nothing that is known."""
