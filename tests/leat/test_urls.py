"""Addresses of a gateway."""

from leat.urls import Address


def test_people_are_told_the_public_address() -> None:
    """It is told without a slash at its end, and where there is none, the one where the gateway listens is."""
    behind = Address("http://127.0.0.1:8017", "token", public="https://hub.example.org/")
    alone = Address("http://127.0.0.1:8017", "token")

    assert (behind.told, behind.url) == ("https://hub.example.org", "http://127.0.0.1:8017")
    assert alone.told == "http://127.0.0.1:8017"
