"""What mutations take: their one argument, the keys that make them safe to repeat, and the fields that were given."""

from typing import Annotated, Any, TypeVar

from strawberry import UNSET, argument

from domain.ids import LONGEST_KEY

T = TypeVar("T")

In = Annotated[T, argument(description="What to do, and with what.")]
"""The one argument of a mutation."""
KEY = f"Any text of the client's, of 1 to {LONGEST_KEY} characters: asked twice with the same key, it is done once."
DRY_RUN = "Only say what would be removed, or why it would be refused."
REMOVED = "What goes with it, in words: its outputs and schedules. In a dry run, what would."


def given(input: Any) -> dict[str, Any]:
    """The fields that the client gave, as the domain takes them; null is as if left out."""
    values = {name: value for name, value in vars(input).items() if value is not UNSET and value is not None and name != "name"}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
