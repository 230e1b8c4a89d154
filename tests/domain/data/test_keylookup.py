"""What a manifest's `keylookup` may say, and how mistakes are told."""

import json
from pathlib import Path
from typing import Any

import pytest

from domain.data import plugins
from domain.data.keylookup import Field, KeyLookup
from domain.errors import Invalid


def reading(folder: Path, keylookup: Any) -> KeyLookup | None:
    """The `keylookup` of a plugin in this folder."""
    uploader = {"parser": "parser:load", "keylookup": keylookup}
    (folder / "manifest.json").write_text(json.dumps({"dumper": {"data_url": "https://example.org/x"}, "uploader": uploader}))
    return plugins.read(folder).uploaders[0].keylookup


def test_the_words_of_biothings(tmp_path: Path) -> None:
    """Sorts of ids that APIs of genes and chemicals know by other names stand for these; a single text is looked for in `_id`."""
    found = reading(tmp_path, {"input_types": [["RGD", "rat.id"], "unii"], "output_types": ["entrez"], "skip_on_failure": True})

    inputs = (Field("rgd", "RGD", "rat.id"), Field("unii", "unii.unii", "_id"))
    assert found == KeyLookup(inputs=inputs, outputs=(Field("entrez", "entrezgene"),), skip_on_failure=True)


def test_fields_and_priorities_of_its_own(tmp_path: Path) -> None:
    """`fields` says where an API has a sort of ids, and `id_priority_list` which goes first."""
    says = {
        "input_types": [["taxid", "t"], ["MINE", "m"], ["hgnc", "h"]],
        "fields": {"mine": "other.mine"},
        "id_priority_list": ["hgnc", "mine"],
        "api": "https://example.org/v1/",
    }

    found = reading(tmp_path, says)

    assert found is not None
    assert [each.field for each in found.inputs] == ["HGNC", "other.mine", "taxid"]
    assert found.api == "https://example.org/v1"


@pytest.mark.parametrize("nothing", [None, {}, []])
def test_none(tmp_path: Path, nothing: Any) -> None:
    """Without a `keylookup` documents keep their ids."""
    assert reading(tmp_path, nothing) is None


TYPES = {"input_types": [["hgnc", "h"]]}


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("hgnc", "uploader.keylookup: should be an object"),
        ({}, ""),
        ({"skip_on_failure": True}, "input_types: is missing"),
        ({"input_types": [["hgnc"]]}, r"input_types: \['hgnc'\] should be a pair"),
        ({"input_types": [["hgnc", 5]]}, r"should be a pair"),
        ({**TYPES, "idstruct_class": "x"}, "keylookup.idstruct_class: is not done here; input_types"),
        ({**TYPES, "output_types": [["a", "b"]]}, "output_types: .* should be a sort of ids"),
        ({**TYPES, "skip_on_failure": "yes"}, "skip_on_failure: 'yes' should be true or false"),
        ({**TYPES, "skip_w_regex": "("}, "skip_w_regex: '\\(' is no regular expression"),
        ({**TYPES, "skip_w_regex": 5}, "skip_w_regex: 5 is no regular expression"),
        ({**TYPES, "api": "example.org"}, "api: 'example.org' should be the URL of a BioThings API"),
        ({**TYPES, "fields": {"hgnc": 1}}, "fields: should be an object"),
    ],
)
def test_what_it_can_not_mean(tmp_path: Path, says: Any, told: str) -> None:
    """The error names the key and what it should be."""
    if not told:
        assert reading(tmp_path, says) is None
        return

    with pytest.raises(Invalid, match=told):
        reading(tmp_path, says)
