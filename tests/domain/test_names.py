"""Names: what they may be, and that those of one day differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.names import check_version, unused

NAMES = st.text(alphabet="ab.2-_", min_size=1, max_size=8)


@given(st.lists(NAMES, max_size=30))
def test_names_that_are_asked_for_in_any_order_differ(wanted: list[str]) -> None:
    """Each is the name itself or begins with it, and none is taken twice."""
    taken: list[str] = []
    for name in wanted:
        taken.append(unused(name, taken))

    assert len(set(taken)) == len(taken)
    assert all(made == name or made.startswith(f"{name}.") for made, name in zip(taken, wanted, strict=True))


def test_numbers_go_on_behind_the_largest() -> None:
    """Though the first ones are not there any more."""
    assert unused("20261124", []) == "20261124"
    assert unused("20261124", ["20261124", "2026112", "20261124.x"]) == "20261124.2"
    assert unused("20261124", ["20261124.9", "20261124.10"]) == "20261124.11"


@pytest.mark.parametrize("name", ["", " ", "a b", "../x", ".hidden", "-flag", "a/b", "x" * 129, "a\n"])
def test_what_can_name_no_build_is_refused(name: str) -> None:
    """A name is told and typed: no blanks, no paths, nothing that looks like an option."""
    with pytest.raises(Invalid):
        check_version(name)


@pytest.mark.parametrize("name", ["20261124", "2026-11-24", "v1.2", "paper_final+1"])
def test_what_can_name_a_build(name: str) -> None:
    """Dates and versions do."""
    assert check_version(name) == name
