"""Folders of plugins: which manifest is read, and which files are kept."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.files.folder import FolderFiles
from domain.data import plugins
from domain.errors import Invalid, NotFound

YAML = """
version: 0.3
__metadata__:
  license: CC0
  updated: 2024-01-02
dumper:
  data_url:
    - https://example.org/a.tsv
uploader:
  parser: parser:load_data
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plugin's folder with a little of everything."""
    made = tmp_path / "my.plugin"
    for name in ("parser.py", "sub/helper.py", ".git/config", "__pycache__/parser.pyc", "env/lib/big.py", ".hidden"):
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (made / "env" / "pyvenv.cfg").touch()
    (made / "manifest.yml").write_text(YAML)
    return made


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[FolderFiles]:
    """An empty store of files."""
    async with FolderFiles.open_folder(tmp_path / "files") as opened:
        yield opened


@pytest.mark.parametrize("name", ["manifest.yaml", "manifest.yml"])
def test_yaml_reads_as_json_does(folder: Path, name: str) -> None:
    """Both endings are known; dates and numbers become text as JSON would have them."""
    (folder / "manifest.yml").rename(folder / name)
    manifest = plugins.read(folder)
    assert (manifest.version, manifest.metadata) == ("0.3", {"license": "CC0", "updated": "2024-01-02"})
    assert manifest.name == "my_plugin"
    assert plugins.read(folder, "other").uploaders[0].name == "other"


def test_json_is_read_before_yaml(folder: Path) -> None:
    """As BioThings' loader does; its `name` names the source."""
    (folder / "manifest.json").write_text('{"name": "chosen", "dumper": {"data_url": "https://example.org/a"}}')
    assert plugins.read(folder).name == "chosen"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("manifest.json", "{", "manifest.json: "),
        ("manifest.yml", "a: [", "manifest.yml: "),
        ("manifest.yml", "a: b: c", "manifest.yml: "),
        ("manifest.yml", "a: &a [x, *a]", "manifest.yml: an alias"),
        ("manifest.json", " " * 2**20 + "{}", "manifest.json: it has 1048578 bytes"),
    ],
)
def test_a_manifest_that_cannot_be_read(folder: Path, name: str, text: str, said: str) -> None:
    """It is named, with the place within."""
    (folder / name).write_text(text)
    with pytest.raises(Invalid, match=said):
        plugins.read(folder)


def test_folders_without_a_plugin(tmp_path: Path) -> None:
    """No folder, and no manifest, are told apart."""
    with pytest.raises(NotFound):
        plugins.read(tmp_path / "absent")
    with pytest.raises(Invalid, match="none of manifest"):
        plugins.read(tmp_path)
    (tmp_path / "__init__.py").touch()
    with pytest.raises(Invalid, match="dumper and uploader classes are not run here"):
        plugins.read(tmp_path)


async def test_code_is_stored_once_and_left_where_it_was(folder: Path, files: FolderFiles) -> None:
    """Only what belongs to the plugin; the hash is that of names and contents, wherever the folder lies."""
    before = plugins.code_files(folder)
    code = await plugins.snapshot(files, folder, "demo")
    assert plugins.code_files(folder) == before == ["manifest.yml", "parser.py", "sub/helper.py"]
    assert [file.path for file in await files.find()] == [f"plugins/{code}/demo/{path}" for path in before]
    moved = Path(shutil.copytree(folder, folder.with_name("moved")))
    assert await plugins.snapshot(files, moved, "demo") == plugins.code_of(moved) == code
    (moved / "parser.py").write_text("changed")
    assert await plugins.snapshot(files, moved, "demo") == plugins.code_of(moved) != code


async def test_code_with_data_is_too_big(folder: Path, files: FolderFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """The biggest file is named; nothing is stored."""
    monkeypatch.setattr(plugins, "CODE_SIZE", 2**20)
    (folder / "data.tsv").write_bytes(b"x" * 2**20)
    with pytest.raises(Invalid, match=r"data.tsv \(1 MiB\)"):
        await plugins.snapshot(files, folder, "demo")
    assert await files.find() == []
