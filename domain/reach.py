"""Which addresses downloads may reach: a plugin's URL, or a redirect, must not lead into the network that the hub stands in.

It is the address that is connected to that is looked at, each time: a name may have another address at the next look.
"""

import ipaddress
import socket
from collections.abc import Sequence
from contextvars import ContextVar

PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("127.0.0.0/8", "0.0.0.0/32", "10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"),
        *("::1/128", "::/128", "fc00::/7", "fec0::/10"),
    )
)
"""What the word `private` stands for: this machine, and networks at home. 0.0.0.0 and :: are this machine too."""
_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        ("169.254.169.254", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"),
    )
)
"""Where clouds tell a machine its credentials; some are in private networks, and one is public."""
_MAPPED = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 addresses as networks of IPv6 alone spell them (RFC 6052)."""
NETWORKS: ContextVar[Sequence[str] | None] = ContextVar("networks", default=())
"""What the requests of this task may reach beyond public addresses, as in LEAT_DOWNLOAD_NETWORKS; None: everything, as for a proxy
that the operator named."""


class OutOfReach(PermissionError):
    """Downloads may not connect to this address."""


def is_out_of_reach(error: BaseException) -> bool:
    """Whether an error of aiohttp's, or what it comes of, says that `open_socket` refused the address."""
    causes = (error, error.__cause__, getattr(error, "os_error", None))
    return any(isinstance(cause, OutOfReach) for cause in causes)


def check_reach(address: str, networks: Sequence[str]) -> None:
    """Raises OutOfReach where `address`, of IPv4 or IPv6, is neither public nor in one of these networks."""
    if not may_reach(address, networks):
        raise OutOfReach(
            None, "it leads to an internal address, which downloads must not reach; LEAT_DOWNLOAD_NETWORKS can allow it"
        )


def may_reach(address: str, networks: Sequence[str]) -> bool:
    """Is the address public, or in one of the networks? `private` stands for this machine and for private networks. Link-local
    addresses, and those where clouds tell credentials, have to be allowed by a network of their own."""
    ip = _innermost(ipaddress.ip_address(address.partition("%")[0]))
    if any(ip in ipaddress.ip_network(network) for network in networks if network != "private"):
        return True
    if ip in _METADATA or ip.is_multicast:
        return False
    return "private" in networks if any(ip in network for network in PRIVATE) else ip.is_global


def _innermost(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an address of IPv6 leads to, where it does."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if inner := ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1]):
        return inner
    if ip in _MAPPED or (not int(ip) >> 32 and int(ip) > 1):  # the second is the old form, ::1.2.3.4
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def check_literal(host: str, networks: Sequence[str]) -> None:
    """What can be known of a host that a proxy connects to: an address in whatever spelling, and this machine's own name.

    Raises OutOfReach."""
    name = host.strip("[]").rstrip(".").lower()
    try:
        check_reach("127.0.0.1" if name == "localhost" or name.endswith(".localhost") else name, networks)
    except ValueError:
        try:
            address = socket.inet_ntoa(socket.inet_aton(name))  # 2130706433 and 0x7f.1 are addresses too
        except OSError:
            return
        check_reach(address, networks)


def open_socket(info: tuple[int, int, int, str, tuple[str | int, ...]]) -> socket.socket:
    """A socket for the address that is about to be connected to. Raises OutOfReach."""
    family, kind, protocol, _, address = info
    networks = NETWORKS.get()
    if networks is not None:
        check_reach(str(address[0]), networks)
    return socket.socket(family, kind, protocol)


def connect(host: str, port: int, timeout: float, networks: Sequence[str]) -> socket.socket:
    """A connection to the first address of the host that answers within `timeout` seconds, and may be reached. Blocks. Raises
    OutOfReach where none may, else the OSError of the last that was tried."""
    refused: OSError | None = None
    for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            check_reach(str(address[0]), networks)
            return socket.create_connection((str(address[0]), port), timeout)
        except OSError as error:
            refused = error if refused is None or isinstance(refused, OutOfReach) else refused
    raise refused or OSError(f"{host} has no address")
