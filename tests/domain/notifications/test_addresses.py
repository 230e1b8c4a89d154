"""Addresses of channels, good and bad ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.notifications.addresses import check_address


@pytest.mark.parametrize(
    ("medium", "address", "secret"),
    [
        ("EMAIL", "zoe.o'neil+hub@labs.example", False),
        ("EMAIL", '"a b"@x.example'.replace(" ", "."), False),
        ("SLACK", "https://hooks.slack.com/services/T0/B0/abc", False),
        ("SLACK", "#data-team", True),
        ("SLACK", "U012ABCDEF", True),
        ("WEBHOOK", "http://10.0.0.7:9000/in?x=%2F", False),
    ],
)
def test_what_can_be_is_kept(medium: str, address: str, secret: bool) -> None:
    """As it was given."""
    assert check_address(medium, f" {address} ", secret) == address


@pytest.mark.parametrize(
    ("medium", "address", "secret"),
    [
        ("EMAIL", "nobody", False),
        ("EMAIL", "a@", False),
        ("EMAIL", "@b.example", False),
        ("EMAIL", "a@b.example\r\nBcc: c@d.example", False),
        ("EMAIL", "a@b.example,c@d.example", False),
        ("SLACK", "#data", False),
        ("SLACK", "data team", True),
        ("WEBHOOK", "ftp://x.example/in", False),
        ("WEBHOOK", "https://", False),
        ("WEBHOOK", "http://[::1", False),
    ],
)
def test_what_can_not_be_is_refused(medium: str, address: str, secret: bool) -> None:
    """Naming the field."""
    with pytest.raises(Invalid) as told:
        check_address(medium, address, secret)

    assert told.value.path in (("address",), ("secret",))


@given(st.sampled_from(["EMAIL", "SLACK", "WEBHOOK"]), st.text())
def test_whatever_is_given_is_an_address_or_refused(medium: str, address: str) -> None:
    """And what is one has no blank and no line break in it."""
    try:
        kept = check_address(medium, address, has_secret=True)
    except Invalid:
        return

    assert kept == "".join(kept.split())
