"""Settings: what may be set, from where, and what a wrong value is told."""

import difflib
import ipaddress
import os
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from domain.errors import Invalid, LeatError
from domain.hub import Limits
from domain.masking import masked
from domain.notifications.addresses import sender_of

DAY = 86400.0

SCHEMES = {
    "bus": ("embedded", "amqp", "amqps"),
    "records": ("sqlite", "mongodb", "mongodb+srv"),
    "documents": ("sqlite", "mongodb", "mongodb+srv"),
    "search": ("tantivy", "http", "https"),
    "files": ("file", "s3"),
}
"""Which adapters stand behind each port, by the scheme of its URL."""

REASONS = {
    "int_parsing": "should be a whole number",
    "float_parsing": "should be a number",
    "greater_than": "should be more than {gt:g}",
    "greater_than_equal": "should be {ge:g} or more",
    "less_than_equal": "should be {le:g} or less",
    "value_error": "{error}",
    "literal_error": "should be {expected}",
}
"""What is said of a wrong value, by the sort of mistake."""
PATTERNS = {
    "public_url": "should be such as https://hub.example.org, without a path",
    "name": "should begin with a lower-case letter, and have up to 31 of them, digits and dashes",
    "traces": "should begin with http: or https:",
    "slack": "should begin with http: or https:, and end with a slash",
    "id": "should have up to 12 lower-case letters and digits",
}


class SettingsInvalid(LeatError):
    """A setting is wrong."""

    code = "SETTINGS_INVALID"


class FileSecrets(EnvSettingsSource):
    """Values from the files that `<NAME>_FILE` variables name, as container platforms mount secrets."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The content of the named file without its last line break; nothing where the variable is not set."""
        name = f"{self.env_prefix}{field_name}_file"
        path = self.env_vars.get(name.lower())
        if not path:
            return None, field_name, False
        try:
            if value := Path(path).read_text().rstrip("\r\n"):
                return value, field_name, False
        except OSError as error:
            raise SettingsInvalid(f"{name.upper()}={path}: {error.strerror}; name a file that this user can read") from error
        raise SettingsInvalid(f"{name.upper()}={path}: the file is empty; put the value into it, or unset the variable")


class Settings(BaseSettings):
    """Everything that can be set, each as LEAT_<NAME> and as a flag of `leat up` and `leat work`. Unset means embedded."""

    model_config = SettingsConfigDict(env_prefix="LEAT_", extra="ignore")

    data: Path = Field(Path(".leat"), description="the data folder: what embedded adapters keep, scratch and caches")
    name: str = Field(
        "leat", pattern=r"^[a-z][a-z0-9-]{0,30}$", description="the hub's name, prefix of whatever it makes on servers"
    )
    id: str = Field(
        "",
        pattern=r"^[a-z0-9]{0,12}$",
        description="the hub's id, for deployments that must know its queues' names; made at first start where it is not set",
    )
    host: str = Field("127.0.0.1", description="address that the gateway listens on")
    port: int = Field(8000, ge=0, le=65535, description="port of the gateway; 0 takes a free one")
    token: SecretStr = Field(SecretStr(""), description="the administrator's token; made at first start where it is not set")
    url: str = Field("", description="where the command line finds the gateway; unset: the one on this data folder")
    bus: str = Field("embedded:", description="embedded: or amqp://user:password@host/vhost")
    records: str = Field("sqlite:", description="sqlite: or mongodb://host/database")
    documents: str = Field("sqlite:", description="sqlite: or mongodb://host/database")
    search: str = Field("tantivy:", description="tantivy: or http(s)://host:9200")
    files: str = Field("file:", description="file: (in the data folder), file:///shared/folder or s3://bucket/prefix?endpoint=URL")
    lease: float = Field(15.0, gt=0.1, description="seconds after which a silent attempt is called dead")
    grace: float = Field(30.0, ge=0, description="seconds that running jobs get at SIGTERM")
    keep_downloads: int = Field(3, ge=1, description="dumps kept for each source")
    keep_collections: int = Field(3, ge=1, description="uploads, inspections and builds kept for each source or build")
    keep_indexes: int = Field(2, ge=1, description="releases kept for each API")
    keep_jobs: float = Field(30.0, ge=1, description="days that finished jobs are kept, with their events and logs")
    log_size: int = Field(
        64 * 2**20, ge=2**20, description="bytes that a job's log may have; its beginning and its end stay, half of it each"
    )
    traces: str = Field(
        "",
        pattern="^(https?://.+)?$",
        description="where OpenTelemetry's traces go, such as http://collector:4318; needs leat[traces]; unset: nowhere",
    )
    quiet: float = Field(60.0, ge=0, description="seconds that an automatic build waits for its neighbours")
    download_size: int = Field(200 * 2**30, gt=0, description="bytes that one file of a dump may have")
    download_networks: str = Field(
        "",
        description="networks that downloads may reach beyond public addresses, such as private,169.254.0.0/16; private is this "
        "machine and private networks, public adds nothing; unset: private where the bus is embedded",
    )
    answer_hits: int = Field(100_000, gt=0, description="hits that one request of a published API may have")
    answer_size: int = Field(256 * 2**20, gt=0, description="bytes that one answer of a published API may have")
    connections: int = Field(
        4096, gt=0, description="connections that the gateway has at a time; at most half of the file descriptors it may have"
    )
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^/?#\s]+/?)?$",
        description="the gateway's address as people are told it, such as https://hub.example.org; unset: where it listens",
    )
    secret: SecretStr = Field(
        SecretStr(""),
        description="what secrets in the records are sealed with, the same for all processes; unset: the data folder's own",
    )
    mail: SecretStr = Field(
        SecretStr(""),
        description="the mail server, smtp://user:password@host:587 or smtps://; unset: on the embedded hub mails are files in "
        "the folder outbox of the data folder",
    )
    mail_from: str = Field("leat@localhost", description="the address that mails come from, such as Leat <leat@example.org>")
    slack: str = Field(
        "https://slack.com/api/", pattern="^https?://.+/$", description="where Slack's API is, for a server that speaks as it does"
    )
    webhook_networks: str = Field(
        "", description="networks that web hooks of notifications may reach beyond public addresses, as LEAT_DOWNLOAD_NETWORKS"
    )
    templates: str = Field("", description="folder of templates of messages that go before Leat's own")
    cert: str = Field("", description="file of the gateway's certificate and its chain, in PEM; with LEAT_KEY it speaks HTTPS only")
    key: str = Field("", description="file of that certificate's key, in PEM, without a password")
    rate: int = Field(60_000, ge=0, description="requests a minute that one address may send to the published APIs; 0: any number")
    proxies: str = Field(
        "", description="addresses and networks of proxies whose Forwarded and X-Forwarded-For are believed, with commas between"
    )
    plugin_memory: int = Field(4 * 2**30, gt=0, description="bytes of memory that each process of a plugin may take")
    plugin_timeout: float = Field(6 * 3600.0, gt=0, description="seconds that a plugin may take")
    plugin_sandbox: Literal["auto", "on", "off"] = Field(
        "auto",
        description="whether plugins run in a sandbox, by bubblewrap: auto, where the machine has it; on: not without it; off",
    )
    plugin_modules: str = Field(
        "", description="folder of the gateway's machine with modules that plugins share, where a manifest names none"
    )
    keylookup_api: str = Field(
        "", description="URL of the BioThings API by which a manifest's keylookup converts ids, where it names none itself"
    )

    @field_validator("bus", "records", "documents", "search", "files")
    @classmethod
    def known_scheme(cls, value: str, info: Any) -> str:
        """A port's URL has a scheme that an adapter stands behind."""
        schemes = SCHEMES[info.field_name]
        if ":" not in value or value.split(":", 1)[0] not in schemes:
            raise ValueError("should begin with " + " or ".join(f"{scheme}:" for scheme in schemes))
        return value

    @field_validator("mail")
    @classmethod
    def mail_server(cls, value: SecretStr) -> SecretStr:
        """It names a server."""
        parts = urlsplit(value.get_secret_value())
        if value.get_secret_value() and (parts.scheme not in ("smtp", "smtps") or not parts.hostname):
            raise ValueError("should be such as smtp://user:password@host:587 or smtps://host:465")
        if parts.query not in ("", "tls=always", "tls=never"):
            raise ValueError("has tls=always or tls=never behind its `?`, or nothing")
        return value

    @field_validator("mail_from")
    @classmethod
    def one_address(cls, value: str) -> str:
        """It is an address, with or without a name before it."""
        try:
            sender_of(value)
        except Invalid:
            raise ValueError("should be an address such as Leat <leat@example.org>") from None
        return value

    @field_validator("download_networks", "webhook_networks")
    @classmethod
    def known_networks(cls, value: str) -> str:
        """Each is a network, an address, or one of the two words."""
        for entry in filter(None, map(str.strip, value.split(","))):
            try:
                entry in ("private", "public") or ipaddress.ip_network(entry)
            except ValueError:
                raise ValueError(f"{entry!r} should be private, public, or a network such as 10.0.0.0/8") from None
        return value

    @field_validator("proxies")
    @classmethod
    def known_proxies(cls, value: str) -> str:
        """Each is an address or a network."""
        for word in value.replace(",", " ").split():
            try:
                ip_network(word, strict=False)
            except ValueError:
                raise ValueError(f"{word} is no address and no network, such as 10.0.0.7 or 10.0.0.0/8") from None
        return value

    @field_validator("token")
    @classmethod
    def not_blank(cls, value: SecretStr) -> SecretStr:
        """A token of blanks would let in whoever shows none."""
        if value.get_secret_value().isspace():
            raise ValueError("should not be blank; set a secret, or unset it to have one made")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags before variables before files."""
        return init_settings, env_settings, FileSecrets(settings_cls)

    def networks(self, named: str = "download_networks") -> tuple[str, ...]:
        """What downloads, or web hooks, may reach beyond public addresses."""
        told = tuple(filter(None, map(str.strip, str(getattr(self, named)).split(","))))
        default = ("private",) if self.bus.startswith("embedded:") else ()
        return tuple(entry for entry in told if entry != "public") if told else default

    def limits(self) -> Limits:
        """What the rules of the domain count with."""
        return Limits(
            lease=self.lease,
            grace=self.grace,
            keep_dumps=self.keep_downloads,
            keep_collections=self.keep_collections,
            keep_indexes=self.keep_indexes,
            keep_jobs=self.keep_jobs * DAY,
            log_size=self.log_size,
            quiet=self.quiet,
            download_size=self.download_size,
            download_networks=self.networks(),
            plugin_memory=self.plugin_memory,
            plugin_timeout=self.plugin_timeout,
            plugin_sandbox=self.plugin_sandbox,
            plugin_modules=self.plugin_modules,
            keylookup_api=self.keylookup_api,
        )


def load(**flags: Any) -> Settings:
    """The settings of this process, `flags` before the environment. Raises SettingsInvalid naming each wrong one."""
    _refuse_misspelt()
    try:
        return Settings(**flags)
    except SettingsError as error:
        if isinstance(error.__cause__, SettingsInvalid):
            raise error.__cause__ from None
        raise
    except ValidationError as error:
        raise SettingsInvalid("\n".join(_explain(item) for item in error.errors())) from None


def _refuse_misspelt() -> None:
    """A variable that is almost a setting would silently leave the hub embedded. Others with our prefix are somebody else's, such
    as those that Kubernetes makes of a service's name."""
    names = [f"LEAT_{name.upper()}{end}" for name in Settings.model_fields for end in ("", "_FILE")]
    for variable in os.environ:
        if variable.upper().startswith("LEAT_") and variable.upper() not in names:
            for meant in difflib.get_close_matches(variable.upper(), names, 1, 0.85):
                raise SettingsInvalid(f"{variable}: there is no such setting; did you mean {meant}?")


def _explain(item: Any) -> str:
    name = str(item["loc"][0]) if item["loc"] else "setting"
    shown = "" if name in ("mail", "secret", "token") else f"={masked(str(item['input']))}"
    reason = PATTERNS[name] if item["type"] == "string_pattern_mismatch" else REASONS.get(item["type"], "{msg}")
    return f"LEAT_{name.upper()}{shown}: {reason.format_map({**item, **item.get('ctx', {})})}"
