"""APIs: which build is served under which name, and the releases that can be."""

from domain.nouns import Noun, Shelf
from domain.ports import Kind


class Api(Noun, frozen=True, kw_only=True):
    """A published API, `/api/<name>/`."""

    build: str
    """The build whose releases it serves."""
    served: str = ""
    """`output` of the release that is served; empty before the first."""
    running: bool = True
    """False: it answers 503."""
    automatic: bool = False
    """Release whenever its build has a new output."""
    description: str = ""
    edited_at: float = 0.0


APIS = Shelf(Kind(name="api", indexes=(("build",),)), Api)
