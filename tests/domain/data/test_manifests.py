"""Manifests as people write them, and what is made of them."""

from typing import Any

import pytest

from domain.data.manifests import Manifest, Uploader, normalise
from domain.errors import Invalid

DUMPER = {"data_url": "https://example.org/a.tsv"}
UPLOADER = {"parser": "parser:load_data"}


def read(**members: Any) -> Manifest:
    """The manifest with these members, and a dumper and an uploader where they are not among them."""
    usual = {"version": "0.3", "dumper": DUMPER, **({} if "uploaders" in members else {"uploader": UPLOADER})}
    return normalise({**usual, **members}, "manifest.json", "demo")


def test_every_specified_key_is_taken() -> None:
    """What the specification knows is read without a warning."""
    manifest = read(
        display_name="Demo",
        biothing_type="gene",
        __metadata__={"url": "https://example.org", "license": "CC0", "assembly": "hg38"},
        requires=["pandas>=2,<3", "obonet"],
        dumper={
            "data_url": ["https://example.org/a.gz", "https://example.org/b.gz"],
            "uncompress": True,
            "schedule": "0 3 * * *",
            "release": "version:get_release",
            "disabled": True,
        },
        uploader={
            "parser": "parser:load_data",
            "parser_kwargs": {"strict": True},
            "mapping": "mapping:get",
            "on_duplicates": "merge",
            "parallelizer": "jobs:custom",
        },
    )
    assert manifest == Manifest(
        name="demo",
        version="0.3",
        display_name="Demo",
        biothing_type="gene",
        metadata={"url": "https://example.org", "license": "CC0", "assembly": "hg38"},
        requires=("pandas>=2,<3", "obonet"),
        data_url=("https://example.org/a.gz", "https://example.org/b.gz"),
        uncompress=True,
        release="version:get_release",
        schedule="0 3 * * *",
        disabled=True,
        uploaders=(
            Uploader(
                name="demo",
                parser="parser:load_data",
                parser_kwargs={"strict": True},
                mapping="mapping:get",
                on_duplicates="merge",
                parallelizer="jobs:custom",
            ),
        ),
    )


def test_several_uploaders_have_their_own_names() -> None:
    """Each fills a part of its name."""
    manifest = read(uploaders=[{"name": "genes", **UPLOADER}, {"name": "drugs", **UPLOADER, "on_duplicates": "ignore"}])
    assert [(uploader.name, uploader.on_duplicates) for uploader in manifest.uploaders] == [("genes", "error"), ("drugs", "ignore")]


TAKEN: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "an author": ({"author": {"name": "A"}}, {"metadata": {"author": {"name": "A"}}}, "author"),
    "a name": ({"name": "demo"}, {"name": "demo"}, "name"),
    "a misspelt licence": (
        {"__metadata__": {"licence": "CC0", "licence_url": "u"}},
        {"metadata": {"licence": "CC0", "licence_url": "u", "license": "CC0", "license_url": "u"}},
        "licence",
    ),
    "an unknown key": ({"colour": "red"}, {}, "colour: not in the specification"),
    "a class that is not needed": (
        {"dumper": {**DUMPER, "class": "x.Y"}, "uploader": {**UPLOADER, "class": "x.Z"}},
        {"data_url": ("https://example.org/a.tsv",)},
        "dumper.class: not used: dumper classes are not run here",
    ),
    "a misspelt key": (
        {"dumper": {**DUMPER, "uncompres": True}},
        {"uncompress": False},
        "dumper.uncompres: not in the specification; not used; did you mean `uncompress`?",
    ),
    "a misplaced key": (
        {"on_duplicates": "merge"},
        {},
        "on_duplicates: not in the specification; not used; it belongs into `uploader`",
    ),
    "a number as version": ({"version": 0.3, "x": 1}, {"version": "0.3"}, "x"),
    "one requirement": ({"requires": "obonet", "x": 1}, {"requires": ("obonet",)}, "x"),
    "a distribution of old": ({"requires": ["pyvcf"]}, {"requires": ("PyVCF3",)}, "PyVCF3"),
    "an import name": ({"requires": ["Bio", "dotenv", "Bio"]}, {"requires": ("biopython", "python-dotenv")}, "biopython"),
    "parts of Python": ({"requires": ["asyncio", "tarfile", "requests"]}, {"requires": ("requests",)}, "part of Python"),
    "what is there anyway": ({"requires": ["biothings[hub]"]}, {"requires": ()}, "the plugin's process brings it"),
    "text as a flag": ({"dumper": {**DUMPER, "uncompress": "true"}}, {"uncompress": True}, "dumper.uncompress"),
}


@pytest.mark.parametrize(("members", "fields", "warning"), TAKEN.values(), ids=TAKEN.keys())
def test_what_real_manifests_have_is_taken_with_a_warning(members: dict[str, Any], fields: dict[str, Any], warning: str) -> None:
    """Keys that the specification refuses, and spellings that it does not know."""
    manifest = read(**members)
    assert {name: getattr(manifest, name) for name in fields} == fields
    assert any(warning in text and text.startswith("manifest.json: ") for text in manifest.warnings)


@pytest.mark.parametrize(
    ("members", "policy"),
    [
        ({"ignore_duplicates": True}, "ignore"),
        ({"ignore_duplicates": False}, "error"),
        ({"ignore_duplicates": True, "on_duplicates": "merge"}, "merge"),
    ],
)
def test_ignore_duplicates_of_old(members: dict[str, Any], policy: str) -> None:
    """The legacy key means one of the policies, where none is named."""
    manifest = read(uploader={**UPLOADER, **members})
    assert manifest.uploaders[0].on_duplicates == policy
    assert "ignore_duplicates" in manifest.warnings[0]


def test_a_plugin_may_only_dump() -> None:
    """Without an uploader nothing is parsed, and it is said."""
    manifest = normalise({"dumper": DUMPER}, "manifest.yml", "demo")
    assert manifest.uploaders == ()
    assert "no uploader" in manifest.warnings[0]


REFUSED: dict[str, tuple[Any, tuple[str, ...], str]] = {
    "no object": ([], (), "should be an object"),
    "no dumper": ({"dumper": None}, ("dumper",), "is missing"),
    "no data_url": ({"dumper": {}}, ("dumper", "data_url"), "is missing"),
    "a misspelt data_url": ({"dumper": {"data_ulr": "https://x"}}, ("dumper", "data_url"), "is `data_ulr` meant as that"),
    "a dumper class": ({"dumper": {"class": "x.Y"}}, ("dumper", "class"), "dumper classes are not run here: write `data_url`"),
    "an uploader class": ({"uploader": {"class": "x.Y"}}, ("uploader", "class"), "classes are not run here: write `parser`"),
    "sftp": ({"dumper": {"data_url": ["sftp://x/y.gz"]}}, ("dumper", "data_url"), "not fetched here: http"),
    "s3": ({"dumper": {"data_url": "s3://x/y"}}, ("dumper", "data_url"), "not fetched here: http, https, ftp, ftps, file are$"),
    "a path": ({"dumper": {"data_url": "/data/a.tsv"}}, ("dumper", "data_url"), "should begin with"),
    "a number as URL": ({"dumper": {"data_url": [3]}}, ("dumper", "data_url"), "should be a URL"),
    "both uploaders": ({"uploaders": [{"name": "x", **UPLOADER}], "uploader": UPLOADER}, ("uploaders",), "one of the two"),
    "an empty list": ({"uploaders": []}, ("uploaders",), "at least one"),
    "a part without a name": ({"uploaders": [UPLOADER]}, ("uploaders", "0", "name"), "is missing"),
    "a part twice": ({"uploaders": [{"name": "x", **UPLOADER}] * 2}, ("uploaders", "1", "name"), "earlier"),
    "a part with dots": ({"uploaders": [{"name": "x.y", **UPLOADER}]}, ("uploaders", "0", "name"), "can't be a name"),
    "no parser": ({"uploader": {}}, ("uploader", "parser"), "is missing"),
    "no function": ({"uploader": {"parser": "parser"}}, ("uploader", "parser"), "module:function"),
    "an unknown policy": (
        {"uploader": {**UPLOADER, "on_duplicates": "skip"}},
        ("uploader", "on_duplicates"),
        "error, ignore or merge",
    ),
    "a flag": ({"dumper": {**DUMPER, "uncompress": 3}}, ("dumper", "uncompress"), "true or false"),
    "an option": ({"requires": ["--index-url=https://example.org"]}, ("requires",), "is not a requirement"),
    "no list": ({"requires": {"a": 1}}, ("requires",), "list of requirements"),
}


@pytest.mark.parametrize(("members", "path", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_meant_is_refused(members: Any, path: tuple[str, ...], said: str) -> None:
    """The error names file and key."""
    with pytest.raises(Invalid, match=said) as caught:
        read(**members) if isinstance(members, dict) else normalise(members, "manifest.json", "demo")
    assert caught.value.path == ("manifest.json", *path)
    assert caught.value.message.startswith("manifest.json: ")


def test_a_schedule_that_is_none_is_left_out() -> None:
    """A cron expression that can't be makes a warning, not a refusal: the plugin works without."""
    manifest = read(dumper={**DUMPER, "schedule": "every night"})

    assert manifest.schedule == ""
    assert "'every night' is no cron expression" in manifest.warnings[0]
