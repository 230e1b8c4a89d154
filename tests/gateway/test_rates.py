"""Rate limits of the published APIs: whose request it is, and what is beyond them."""

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from domain.hub import Hub
from gateway.rates import Proxies
from tests.gateway.conftest import serve


@pytest.mark.parametrize(
    ("networks", "headers", "client"),
    [
        ([], [("X-Forwarded-For", "9.9.9.9")], "127.0.0.1"),
        (["10.0.0.0/8"], [("X-Forwarded-For", "9.9.9.9")], "127.0.0.1"),
        (["127.0.0.1"], [], "127.0.0.1"),
        (["127.0.0.1"], [("X-Forwarded-For", "9.9.9.9")], "9.9.9.9"),
        (["127.0.0.1"], [("X-Forwarded-For", "1.1.1.1, 9.9.9.9:4711")], "9.9.9.9"),
        (["127.0.0.1", "10.0.0.0/8"], [("X-Forwarded-For", "1.1.1.1, 9.9.9.9"), ("X-Forwarded-For", "10.1.2.3")], "9.9.9.9"),
        (["127.0.0.0/8"], [("Forwarded", 'for=1.1.1.1, for="[2001:db8::7]:80";proto=https')], "2001:db8::7"),
        (["127.0.0.0/8"], [("Forwarded", "for=_hidden"), ("X-Forwarded-For", "1.1.1.1")], "_hidden"),
        (["127.0.0.1", "10.0.0.0/8"], [("X-Forwarded-For", "10.0.0.1, 10.0.0.2")], "10.0.0.1"),
    ],
)
def test_only_trusted_proxies_say_who_asks(networks: list[str], headers: list[tuple[str, str]], client: str) -> None:
    """The nearest address that is no trusted proxy, which a client can't write itself."""
    request = make_mocked_request("GET", "/api", headers=CIMultiDict(headers)).clone(remote="127.0.0.1")

    assert Proxies(networks).client(request) == client  # type: ignore[arg-type]


async def test_what_is_beyond_is_429(hub: Hub) -> None:
    """By address, and a network of IPv6 is one; who waits long enough is answered again, and health is never refused."""
    async with serve(hub, rate=3, proxies=Proxies(["127.0.0.1"])) as client:

        async def ask(address: str, path: str = "/api/x/query") -> tuple[int, str]:
            async with client.session.get(client.url + path, headers={"X-Forwarded-For": address}) as response:
                return response.status, response.headers.get("Retry-After", "")

        first = [(await ask("9.9.9.9"))[0] for _ in range(3)]
        beyond = await ask("9.9.9.9", "/api")
        others = [(await ask(f"2001:db8::{n}"))[0] for n in range(4)]

        assert first == [404] * 3
        assert beyond[0] == 429
        assert 0 < int(beyond[1]) <= 20
        assert others == [404, 404, 404, 429]
        assert (await ask("9.9.9.9", "/health/live"))[0] == 200


async def test_it_can_be_off(hub: Hub) -> None:
    """0 counts nothing."""
    async with serve(hub, rate=0) as client:
        for _ in range(50):
            async with client.session.get(f"{client.url}/api") as response:
                assert response.status == 200
