"""The gateway's certificate: served, renewed, refused, and known again by the command line."""

import datetime
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from leat.cli.client import connected
from leat.cli.exits import Ended
from leat.serving import serving
from leat.settings import Settings
from leat.tls import Certificate, CertificateRefused
from leat.urls import Address


def make_certificate(folder: Path, host: str) -> tuple[str, str]:
    """Files with a certificate for that host which nobody else has signed, and with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=7))
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return str(folder / "cert.pem"), str(folder / "key.pem")


async def test_the_command_line_knows_its_gateway_by_the_certificate(tmp_path: Path) -> None:
    """It asks the gateway of its folder, whose certificate nobody signed; without the fingerprint it would not."""
    cert, key = make_certificate(tmp_path / "pem", "hub.example.org")
    settings = Settings(data=tmp_path / "data", host="127.0.0.1", port=0, cert=cert, key=key, token=SecretStr("token"))

    async with serving(settings) as (address, _):
        async with connected(address) as gateway:
            answer = await gateway.execute("{ __typename }")
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get(f"{address.url}/health/live")
        async with connected(Address(address.url, "token")) as stranger:
            with pytest.raises(Ended, match="is not trusted"):
                await stranger.execute("{ __typename }")
        told = (tmp_path / "data" / "fingerprint").read_text()

    assert answer == {"__typename": "Query"}
    assert address.url.startswith("https://")
    assert told == address.fingerprint
    assert not (tmp_path / "data" / "fingerprint").exists()


def test_a_renewed_certificate_is_served(tmp_path: Path) -> None:
    """The same context serves it from the next look on, once; a pair that does not fit changes nothing."""
    certificate = Certificate(*make_certificate(tmp_path, "old.example.org"))
    context, old = certificate.context, certificate.fingerprint()

    make_certificate(tmp_path, "new.example.org")
    renewed = [certificate.renew(), certificate.renew()]
    make_certificate(tmp_path / "other", "other.example.org")
    (tmp_path / "other" / "key.pem").replace(tmp_path / "key.pem")
    with pytest.raises(CertificateRefused, match="does not fit"):
        certificate.renew()

    assert renewed == [True, False]
    assert certificate.context is context
    assert certificate.fingerprint() != old


@pytest.mark.parametrize(
    ("cert", "key", "told"), [("cert.pem", "", "LEAT_KEY"), ("", "key.pem", "LEAT_CERT"), ("no.pem", "key.pem", "no.pem")]
)
def test_what_is_no_pair_is_refused_by_name(tmp_path: Path, cert: str, key: str, told: str) -> None:
    """Half a pair, and a file that is not there, name the setting and what is wrong with it."""
    make_certificate(tmp_path, "hub.example.org")
    files = [str(tmp_path / name) if name else "" for name in (cert, key)]

    with pytest.raises(CertificateRefused, match=told):
        Certificate(*files)


def test_a_file_without_a_certificate_is_refused(tmp_path: Path) -> None:
    """Anything else in its place is no traceback."""
    _, key = make_certificate(tmp_path, "hub.example.org")
    (tmp_path / "text.pem").write_text("no certificate\n")

    with pytest.raises(CertificateRefused, match=r"text\.pem"):
        Certificate(str(tmp_path / "text.pem"), key)
