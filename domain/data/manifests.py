"""Manifests: what a data plugin says of itself, normalised from whichever spelling it uses."""

import re
import sys
from collections.abc import Collection, Mapping
from typing import Any, Literal, cast, get_args

import msgspec

from domain.data import formats
from domain.data.keylookup import KeyLookup, keylookup
from domain.errors import Invalid
from domain.names import NAME

Duplicates = Literal["error", "ignore", "merge"]


class Uploader(msgspec.Struct, frozen=True, kw_only=True):
    """One uploader of a manifest: it fills one part, a collection of its own."""

    name: str
    """The part's name; the source's where the manifest has a single uploader."""
    parser: str
    """`module:function`."""
    parser_kwargs: dict[str, Any] = {}
    mapping: str = ""
    """`module:function` that returns Elasticsearch properties."""
    on_duplicates: Duplicates = "error"
    parallelizer: str = ""
    keylookup: KeyLookup | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin's manifest, normalised; docs/plugins.md has its keys."""

    name: str = ""
    version: str = ""
    display_name: str = ""
    biothing_type: str = ""
    metadata: dict[str, Any] = {}
    """`__metadata__`: url, license, license_url, description and whatever else."""
    requires: tuple[str, ...] = ()
    data_url: tuple[str, ...] = ()
    uncompress: bool = False
    release: str = ""
    """`module:function` that returns the release; empty: Last-Modified, ETag or content decide."""
    schedule: str = ""
    modules: str = ""
    """A folder, from the plugin's own on, of modules that plugins share."""
    disabled: bool = False
    uploaders: tuple[Uploader, ...] = ()
    warnings: tuple[str, ...] = ()
    """What the manifest has that is not in the specification, and how it was taken."""


DISTRIBUTIONS = {
    "Bio": "biopython",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "PIL": "pillow",
    "PyVCF": "PyVCF3",
    "attr": "attrs",
    "biothings-client": "biothings_client",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "git": "GitPython",
    "google.cloud.storage": "google-cloud-storage",
    "jwt": "PyJWT",
    "magic": "python-magic",
    "psycopg2": "psycopg2-binary",
    "pyvcf": "PyVCF3",
    "rdkit.Chem": "rdkit",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "usaddress": "usaddress",
    "vcf": "PyVCF3",
    "yaml": "PyYAML",
}
"""What is installed for import names that manifests list as if they were distributions, and for distributions that no pip builds
any more."""

SHIMMED = frozenset({"biothings", "config", "hub", "utils", "myvariant"})
"""What the plugin's process brings with it."""

_LEGACY = {
    "author": "kept in the metadata",
    "license": "kept in the metadata",
    "licence": "kept in the metadata",
    "licenses": "kept in the metadata",
    "license_url": "kept in the metadata",
    "licence_url": "kept in the metadata",
    "url": "kept in the metadata",
    "description": "kept in the metadata",
}
_ROOT = {
    "version",
    "name",
    "display_name",
    "biothing_type",
    "__metadata__",
    "requires",
    "modules",
    "dumper",
    "uploader",
    "uploaders",
}
_DUMPER = {"data_url", "uncompress", "schedule", "release", "disabled"}
_UPLOADER = {"name", "parser", "parser_kwargs", "mapping", "on_duplicates", "parallelizer", "ignore_duplicates", "keylookup"}
SCHEMES = ("http", "https", "ftp", "ftps", "file")
"""Schemes of URLs that are fetched."""
_OTHERS = {"sftp", "s3", "gs", "git", "git+http", "git+https", "git+ssh", "git+file", "docker"}
"""Schemes that are known, and not fetched."""
_CLASSES = {
    "dumper": "dumper classes are not run here: write `data_url`, and if need be `release` as `module:function`",
    "uploader": "uploader classes are not run here: write `parser` as `module:function`, a function that yields the documents",
}
_FUNCTION = re.compile(r"[A-Za-z_][\w./-]*:[A-Za-z_].*\Z", re.DOTALL)
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)(.*)", re.DOTALL)


def normalise(data: Any, file: str, name: str) -> Manifest:
    """The manifest `data`, as decoded from `file`, of a source called `name`. Keys that the specification doesn't know are taken
    with a warning. What makes no sense raises Invalid, whose path begins with the file."""
    return _Reading(file, name).manifest(data)


class _Reading:
    """One manifest being read, with the warnings so far."""

    def __init__(self, file: str, name: str) -> None:
        self.file = file
        self.name = name
        self.warnings: list[str] = []

    def manifest(self, data: Any) -> Manifest:
        root = self.object(data, ())
        self.unknown(root, _ROOT | set(_LEGACY), ())
        if "name" in root:
            self.warn(("name",), "not in the specification; taken as the plugin's name")
        dumper = self.object(self.needed(root, "dumper", ()), ("dumper",))
        self.unknown(dumper, _DUMPER, ("dumper",))
        self.without_class(dumper, "data_url", "dumper", ("dumper",))
        uploaders = self.uploaders(root)
        return Manifest(
            name=self.name,
            version=str(root.get("version") or ""),
            display_name=self.text(root, "display_name", ()),
            biothing_type=self.text(root, "biothing_type", ()),
            metadata=self.metadata(root),
            requires=self.requires(root.get("requires")),
            data_url=self.urls(self.needed(dumper, "data_url", ("dumper",))),
            uncompress=self.flag(dumper, "uncompress", ("dumper",)),
            release=self.function(dumper, "release", ("dumper",)),
            schedule=self.schedule(dumper),
            modules=self.text(root, "modules", ()),
            disabled=self.flag(dumper, "disabled", ("dumper",)),
            uploaders=uploaders,
            warnings=tuple(self.warnings),
        )

    def uploaders(self, root: Mapping[str, Any]) -> tuple[Uploader, ...]:
        one, many = root.get("uploader"), root.get("uploaders")
        if one is not None and many is not None:
            raise self.invalid(("uploaders",), "there is an `uploader` as well; give one of the two")
        if one is not None:
            return (self.uploader(one, ("uploader",), self.name),)
        if many is None:
            self.warn((), "there is no uploader: its files can be dumped, nothing is parsed")
            return ()
        if not isinstance(many, list) or not many:
            raise self.invalid(("uploaders",), "should be a list with at least one uploader")
        found = []
        for number, entry in enumerate(many):
            path = ("uploaders", str(number))
            found.append(self.uploader(entry, path, str(self.needed(self.object(entry, path), "name", path))))
        names = [uploader.name for uploader in found]
        for number, part in enumerate(names):
            if not NAME.match(part):
                raise self.invalid(("uploaders", str(number), "name"), f"{part!r} can't be a name: letters, digits, _ and -")
            if part in names[:number]:
                raise self.invalid(("uploaders", str(number), "name"), f"{part!r} is the name of an earlier uploader")
        return tuple(found)

    def uploader(self, data: Any, path: tuple[str, ...], name: str) -> Uploader:
        entry = self.object(data, path)
        self.unknown(entry, _UPLOADER, path)
        if path == ("uploader",) and entry.get("name") not in (None, name):
            self.warn((*path, "name"), f"a single uploader is named like its source: {name}")
        self.without_class(entry, "parser", "uploader", path)
        if isinstance(self.needed(entry, "parser", path), dict):
            entry = formats.as_function(entry, lambda key, text: self.invalid((*path, *key), text))
        keywords = entry.get("parser_kwargs") or {}
        return Uploader(
            name=name,
            parser=self.function(entry, "parser", path),
            parser_kwargs=dict(self.object(keywords, (*path, "parser_kwargs"))),
            mapping=self.function(entry, "mapping", path),
            on_duplicates=self.duplicates(entry, path),
            parallelizer=self.function(entry, "parallelizer", path),
            keylookup=keylookup(entry.get("keylookup"), lambda key, text: self.invalid((*path, "keylookup", *key), text)),
        )

    def duplicates(self, entry: Mapping[str, Any], path: tuple[str, ...]) -> Duplicates:
        legacy: Duplicates = "error"
        if "ignore_duplicates" in entry:
            legacy = "ignore" if self.flag(entry, "ignore_duplicates", path) else "error"
            taken = f"taken as `on_duplicates: {legacy}`" if entry.get("on_duplicates") is None else "not used"
            self.warn((*path, "ignore_duplicates"), taken)
        value = entry.get("on_duplicates")
        if value is None:
            return legacy
        for known in get_args(Duplicates):
            if value == known:
                return cast(Duplicates, known)
        raise self.invalid((*path, "on_duplicates"), f"{value!r} should be error, ignore or merge")

    def metadata(self, root: Mapping[str, Any]) -> dict[str, Any]:
        metadata = dict(self.object(root.get("__metadata__") or {}, ("__metadata__",)))
        for key, taken in _LEGACY.items():
            if key in root:
                self.warn((key,), f"not in the specification; {taken}")
                metadata.setdefault(key, root[key])
        for key, right in (("licence", "license"), ("licence_url", "license_url")):
            if key in metadata and right not in metadata:
                self.warn(("__metadata__", key), f"spelt `{right}` in the specification; taken as that too")
                metadata[right] = metadata[key]
        return metadata

    def requires(self, value: Any) -> tuple[str, ...]:
        entries = value.split("\n") if isinstance(value, str) else value or []
        if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
            raise self.invalid(("requires",), "should be a list of requirements, or one")
        found: list[str] = []
        for entry in (re.sub(r"(^|\s)#.*", "", entry).strip() for entry in entries):
            if not entry:
                continue
            match = _REQUIREMENT.match(entry)
            if match is None:  # options such as --index-url too
                raise self.invalid(("requires",), f"{entry!r} is not a requirement")
            wanted = self.requirement(entry, match[1], match[2])
            if wanted and wanted not in found:
                found.append(wanted)
        return tuple(found)

    def requirement(self, entry: str, name: str, rest: str) -> str:
        if "://" in entry:
            return entry
        if name in SHIMMED:
            self.warn(("requires",), f"{entry}: the plugin's process brings it")
            return ""
        if name in sys.stdlib_module_names:
            self.warn(("requires",), f"{entry}: part of Python, nothing to install")
            return ""
        if name in DISTRIBUTIONS and DISTRIBUTIONS[name] != name:
            self.warn(("requires",), f"{entry}: installed as {DISTRIBUTIONS[name]}")
            return DISTRIBUTIONS[name] + rest
        return entry

    def urls(self, value: Any) -> tuple[str, ...]:
        path = ("dumper", "data_url")
        entries = [value] if isinstance(value, str) else value
        if not isinstance(entries, list) or not entries or not all(isinstance(entry, str) and entry.strip() for entry in entries):
            raise self.invalid(path, "should be a URL or a list of URLs")
        for entry in entries:
            scheme = entry.strip().split(":", 1)[0].lower() if ":" in entry else ""
            if scheme in _OTHERS:
                raise self.invalid(path, f"{entry!r} is not fetched here: {', '.join(SCHEMES)} are")
            if scheme not in SCHEMES:
                raise self.invalid(path, f"{entry!r} should begin with https://, http://, ftp://, ftps:// or file:")
        return tuple(entry.strip() for entry in entries)

    def function(self, entry: Mapping[str, Any], key: str, path: tuple[str, ...]) -> str:
        value = entry.get(key)
        if value is None or value == "":
            return ""
        if not isinstance(value, str) or not _FUNCTION.match(value.strip()):
            raise self.invalid((*path, key), f"{value!r} should be `module:function`")
        module, function = (part.strip() for part in value.split(":", 1))
        return f"{module.removesuffix('.py')}:{function}"

    def text(self, entry: Mapping[str, Any], key: str, path: tuple[str, ...]) -> str:
        value = entry.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.invalid((*path, key), f"{value!r} should be text")
        return value.strip()

    def schedule(self, dumper: Mapping[str, Any]) -> str:
        from domain.data.cron import reason_against  # noqa: PLC0415  child processes read no manifests

        text = self.text(dumper, "schedule", ("dumper",))
        if reason := text and reason_against(text):
            self.warn(("dumper", "schedule"), f"{text!r} is no cron expression: {reason}; there will be no schedule")
            return ""
        return text

    def flag(self, entry: Mapping[str, Any], key: str, path: tuple[str, ...]) -> bool:
        value = entry.get(key)
        if isinstance(value, str) and value.strip().lower() in ("true", "false", "yes", "no"):
            self.warn((*path, key), f"{value!r} is text; taken as a boolean")
            return value.strip().lower() in ("true", "yes")
        if value is None or isinstance(value, bool):
            return bool(value)
        raise self.invalid((*path, key), f"{value!r} should be true or false")

    def object(self, value: Any, path: tuple[str, ...]) -> Mapping[str, Any]:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise self.invalid(path, "should be an object")
        return value

    def needed(self, entry: Mapping[str, Any], key: str, path: tuple[str, ...]) -> Any:
        if entry.get(key) in (None, "", []):
            meant = _closest(key, set(entry) - {key})
            raise self.invalid((*path, key), "is missing" + (f"; is `{meant}` meant as that?" if meant else ""))
        return entry[key]

    def unknown(self, entry: Mapping[str, Any], known: set[str], path: tuple[str, ...]) -> None:
        for key in entry:
            if key not in known and (key != "class" or not path):
                self.warn((*path, key), "not in the specification; not used" + _advice(key, known, path))

    def without_class(self, entry: Mapping[str, Any], needed: str, kind: str, path: tuple[str, ...]) -> None:
        """BioThings' loader takes a class that does the work; here functions do it. Where the manifest names the function too, the
        class is just not used."""
        if "class" not in entry:
            return
        if needed not in entry:
            raise self.invalid((*path, "class"), _CLASSES[kind])
        self.warn((*path, "class"), f"not used: {_CLASSES[kind]}")

    def warn(self, path: tuple[str, ...], text: str) -> None:
        self.warnings.append(": ".join(part for part in (self.file, ".".join(path), text) if part))

    def invalid(self, path: tuple[str, ...], text: str) -> Invalid:
        return Invalid(": ".join(part for part in (self.file, ".".join(path), text) if part), (self.file, *path))


def _closest(key: str, names: Collection[str]) -> str:
    """The name of which `key` may be a misspelling; empty where there is none like it."""
    from difflib import get_close_matches  # noqa: PLC0415  child processes read no manifests

    return next(iter(get_close_matches(key, sorted(names), n=1, cutoff=0.75)), "")


def _advice(key: str, known: set[str], path: tuple[str, ...]) -> str:
    """Where a key that is not known may belong."""
    places = {"dumper": _DUMPER, "uploader": _UPLOADER} if not path else {}
    if place := next((name for name, keys in places.items() if key in keys), ""):
        return f"; it belongs into `{place}`"
    meant = _closest(key, known)
    return f"; did you mean `{meant}`?" if meant else ""
