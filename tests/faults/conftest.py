"""What fault tests start from: processes come from a fork server, and the client does not give up."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import broker as brokers
from tests.faults import fork_server as fork_servers
from tests.faults.broker import Broker
from tests.faults.fork_server import ForkServer
from tests.faults.front import patient_client
from tests.faults.stack import SERVERS
from tests.services import need


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """Where hubs' processes are forked off."""
    with fork_servers.opened() as opened, patient_client():
        yield opened


@pytest.fixture(scope="session")
def urls() -> dict[str, str]:
    """The three servers."""
    return {server: need(server) for server in SERVERS}


@pytest.fixture
def broker() -> Iterator[Broker]:
    """A RabbitMQ that may be stopped."""
    with brokers.opened(Path(need("services"))) as opened:
        yield opened
