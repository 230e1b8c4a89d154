"""Plugins: what is read of a folder, and the copy that Files keep."""

from pathlib import Path

from domain import plugins
from stores.folder import FolderFiles


def folder_of(path: Path) -> dict[str, bytes]:
    """Every file below `path` with its content."""
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()}


async def test_a_snapshot_leaves_the_plugin_as_it_is(tmp_path: Path) -> None:
    """Storing a plugin's code copies it: its own folder keeps every file, and the copy has them all but caches."""
    plugin = tmp_path / "mine"
    (plugin / "__pycache__").mkdir(parents=True)
    (plugin / "__pycache__" / "parser.pyc").write_bytes(b"cache")
    (plugin / "manifest.json").write_text("{}")
    (plugin / "data").mkdir()
    (plugin / "data" / "a.tsv").write_text("a\tb\n")
    before = folder_of(plugin)

    async with FolderFiles.open_folder(tmp_path / "files") as files:
        code = await plugins.snapshot(files, plugin, "mine")
        again = await plugins.snapshot(files, plugin, "mine")
        async with files.local(f"plugins/{code}/mine") as copy:
            copied = folder_of(copy)

    assert folder_of(plugin) == before
    assert copied == {name: content for name, content in before.items() if not name.startswith("__pycache__")}
    assert again == code


async def test_the_code_names_the_content(tmp_path: Path) -> None:
    """Another content is another code."""
    (tmp_path / "parser.py").write_text("one")

    async with FolderFiles.open_folder(tmp_path.parent / "files") as files:
        first = await plugins.snapshot(files, tmp_path, "mine")
        (tmp_path / "parser.py").write_text("two")
        second = await plugins.snapshot(files, tmp_path, "mine")

    assert first != second
