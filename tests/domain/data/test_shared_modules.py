"""Modules that plugins share: which of them are kept with a plugin's code."""

from pathlib import Path

import pytest

from adapters.files.folder import FolderFiles
from domain.data import plugins
from domain.data.shared_modules import FOLDER, folder_of, imports
from domain.errors import Invalid
from tests.workers.parsing import write

HUB = {
    "hub/__init__.py": "raise SystemExit('it starts the hub')",
    "hub/lookup/__init__.py": "",
    "hub/lookup/genes.py": "from . import tables\nfrom ..names import clean",
    "hub/lookup/tables.py": "",
    "hub/names.py": "import json",
    "hub/others.py": "",
    "words.py": "",
    "plugins/mine/parser.py": "import os\nfrom hub.lookup.genes import find\nfrom .own import x",
    "plugins/mine/own.py": "def late():\n    import words",
    "plugins/mine/manifest.json": "{}",
    "plugins/other/parser.py": "import hub.others",
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A hub's folder with two plugins in it."""
    return write(tmp_path / "src", HUB)


def test_what_a_plugin_imports_is_kept_with_its_code(home: Path) -> None:
    """Whole or by a name, relative or late, and what that imports, with the packages above; nothing else, and no hub is started."""
    found = plugins.contents(home / "plugins" / "mine", home)

    shared = ["hub/lookup/__init__.py", "hub/lookup/genes.py", "hub/lookup/tables.py", "hub/names.py", "words.py"]
    assert [*found] == sorted(["manifest.json", "own.py", "parser.py", *(f"{FOLDER}/{path}" for path in shared)])


async def test_a_change_of_one_is_a_change_of_the_code(home: Path, tmp_path: Path) -> None:
    """What is stored says which modules it was stored with."""
    mine = home / "plugins" / "mine"
    async with FolderFiles.open_folder(tmp_path / "files") as files:
        code = await plugins.snapshot(files, mine, "mine", home)
        stored = [file.path.removeprefix(f"plugins/{code}/mine/") for file in await files.find(f"plugins/{code}")]

    assert f"{FOLDER}/hub/names.py" in stored
    assert plugins.code_of(mine, home) == code != plugins.code_of(mine)
    (home / "hub" / "others.py").write_text("changed = 1")
    assert plugins.code_of(mine, home) == code
    (home / "hub" / "names.py").write_text("clean = 1")
    assert plugins.code_of(mine, home) != code


def test_links_that_lead_out_are_left_alone(home: Path, tmp_path: Path) -> None:
    """A module that is a link to elsewhere is not kept."""
    (home / "words.py").unlink()
    (tmp_path / "secret.py").touch()
    (home / "words.py").symlink_to(tmp_path / "secret.py")

    assert f"{FOLDER}/words.py" not in plugins.contents(home / "plugins" / "mine", home)


def test_which_folder_it_is(home: Path) -> None:
    """The manifest's, from the plugin's folder on, before the setting's; one that is not there is refused by name."""
    mine = home / "plugins" / "mine"

    assert folder_of(mine, "", "") is None
    assert folder_of(mine, "", str(home)) == home
    assert folder_of(mine, "../..", "/nowhere") == home
    with pytest.raises(Invalid, match=r"modules: there is no folder .*/src/plugins/absent"):
        folder_of(mine, "../absent", "")
    with pytest.raises(Invalid, match="LEAT_PLUGIN_MODULES: there is no folder /nowhere"):
        folder_of(mine, "", "/nowhere")


def test_names_that_are_imported() -> None:
    """Everything that may be a module, relative to where the importing module lies."""
    source = b"import a.b as c, d\nfrom e import f\nfrom . import g\nfrom ..h import i\nfrom .j import *"

    assert imports(source, "p/q/r.py") == {"a.b", "d", "e", "e.f", "p.q", "p.q.g", "p.h", "p.h.i", "p.q.j", "p.q.j.*"}
    assert imports(b"def (") == set()
