"""Settings of downloads: what is allowed where nothing is set, and what a wrong value is told."""

import pytest

from leat.settings import SettingsInvalid, load


@pytest.mark.parametrize(
    ("bus", "told", "networks"),
    [
        ("embedded:", "", ("private",)),
        ("embedded:", "public", ()),
        ("amqp://queue.example.org/", "", ()),
        ("amqp://queue.example.org/", " 192.0.2.0/24, private ", ("192.0.2.0/24", "private")),
    ],
)
def test_what_downloads_may_reach(bus: str, told: str, networks: tuple[str, ...]) -> None:
    """Private networks on the embedded hub, and only what is public on servers; what is set replaces that."""
    assert load(bus=bus, download_networks=told).limits().download_networks == networks


@pytest.mark.parametrize("told", ["localhost", "private,192.0.2.300", "192.0.2.1/24"])
def test_what_is_no_network(told: str) -> None:
    """The setting and the entry are named, with an example."""
    with pytest.raises(SettingsInvalid, match=r"LEAT_DOWNLOAD_NETWORKS=.*should be private, public, or a network such as"):
        load(download_networks=told)
