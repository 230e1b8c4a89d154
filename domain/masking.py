"""URLs as they may be shown: without what lets their reader in; and what older records say of servers, without these."""

import re
from urllib.parse import unquote_plus

_USER = re.compile(r"://(?:([^\s/?#@:\[\"]*):(?!\d+(?:[/?#\"\s]|$))(?:(?!://)[^\s\"])*|[^\s/?#\[\"]+)@")
"""A name, or a name and a password, which may hold what belongs quoted: then it is no valid URL, and is shown in an error.
It ends before the next `://`, so that the time for a text grows with its length only."""
_PARAMETER = re.compile(r"([?&;#])([^\s=&;#?]+)=([^\s&#\"<>]*)")
_SECRET = re.compile(
    r"secret|pass(?:w|phrase|code|$)|pwd|token|key(?!word)|credential|signature|(?<![a-z])(?:sig|sign|sas|code)(?![a-z])"
    r"|auth(?!or(?!i[sz]))|session|jwt|hmac",
    re.IGNORECASE,
)
"""Names of parameters that are nobody's business, such as an object store's secret_access_key or the signature of a signed URL."""
_SERVER = re.compile(r"\b(?:mongodb(?:\+srv)?|amqps?)://[^\s'\",;)]+")
_SAID = re.compile(
    r"(MongoDB can't be reached, or refuses|MongoDB did not keep a batch|Elasticsearch does not answer|Elasticsearch answers \d+"
    r"|the object store can't be used|the bus does not answer|RabbitMQ|LEAT_[A-Z]+=\S+ can't be used)(?:: | \().*",
    re.DOTALL,
)
"""How versions before this one began to tell what a driver said."""
_DRIVER = re.compile(
    r"\b(?:pymongo|motor|aiormq|aio_pika|pamqp|elastic_transport|elasticsearch|obstore|botocore)\.[\w.]*|Connect call failed"
)


def masked(text: str) -> str:
    """The text with `***` in place of the passwords and secret parameters of all URLs in it. A user's name without a password is
    masked too: servers take keys in its place."""
    if "://" not in text:
        return text
    text = _USER.sub(lambda match: f"://{match[1]}:***@" if match[1] else "://***@", text)
    return _PARAMETER.sub(_without_value, text)


def _without_value(match: re.Match[str]) -> str:
    secret = match[3] and _SECRET.search(unquote_plus(match[2]))
    return f"{match[1]}{match[2]}=***" if secret else match[0]


def without_servers(text: str) -> str:
    """What a record of the hub's own says, as clients may see it: versions before this one kept what drivers said in records, with
    addresses. What such a text tells beside them is left."""
    if _DRIVER.search(text):
        return "a server that the hub needs did not answer, or refused"
    text = _SAID.sub(lambda match: match[1] if not match[1].startswith("LEAT_") else "a server can't be used", text)
    return _SERVER.sub("***", text)
