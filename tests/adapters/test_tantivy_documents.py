"""Documents that do not fit their mapping, and what they are told."""

from typing import Any

import pytest

from adapters.tantivy.documents import Flattener, Unfit
from domain.query.plan import Fields


@pytest.mark.parametrize(
    ("type", "value", "reason"),
    [
        ("long", "many", '"many" is no number'),
        ("date", "yesterday", '"yesterday" is no date'),
        ("boolean", 7, "7 is no boolean"),
        ("integer", 2**33, "8589934592 is out of the range of integer"),
    ],
)
@pytest.mark.parametrize("indexed", [True, False])
def test_a_misfit_names_path_and_value_and_why_it_is_looked_at(type: str, value: Any, reason: str, indexed: bool) -> None:
    """Where a field is not indexed it also says why its values must fit all the same."""
    fields = Fields({"size": {"type": type} | ({} if indexed else {"index": False})})

    with pytest.raises(Unfit) as refused:
        Flattener(fields).flat({"_id": "1", "size": value})

    assert refused.value.message.startswith(f"size: {reason}")
    assert ("index: false keeps values" in refused.value.message) is not indexed
