"""The data folder: its token is whole or not there, whatever ends the process that makes it."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from leat import data_folder
from leat.data_folder import FORM, FolderRefused, check_version, held, kept_token


def test_a_token_is_made_once(tmp_path: Path) -> None:
    """The first start makes it, the next ones find it; nobody else can read it, and nothing is left beside it."""
    token = kept_token(tmp_path)

    assert len(token) >= 32
    assert kept_token(tmp_path) == token
    assert [path.name for path in tmp_path.iterdir()] == ["token"]
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "\n", " \t\n"])
def test_a_blank_token_is_made_anew(tmp_path: Path, content: str) -> None:
    """What a crash of an older Leat left is no token: it would let in whoever shows none."""
    (tmp_path / "token").write_text(content)

    token = kept_token(tmp_path)

    assert len(token) >= 32
    assert kept_token(tmp_path) == token
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


@pytest.mark.parametrize("step", ["fsync", "link"])
def test_a_crash_leaves_no_half_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Whatever the process dies of while it makes a token: the file is not there, and the next start makes it."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, step, die)
        with pytest.raises(KeyboardInterrupt):
            kept_token(tmp_path)

    assert not (tmp_path / "token").exists()
    assert len(kept_token(tmp_path)) >= 32


def test_who_starts_at_once_agrees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of processes that find no token at the same time each gets the one that is kept."""
    written, link = [], os.link

    def late(made: Path, file: Path) -> None:
        written.append(made)
        if len(written) == 1:  # the second one comes in between
            with ThreadPoolExecutor(1) as other:
                written.append(Path(other.submit(kept_token, tmp_path).result()))
        link(made, file)

    monkeypatch.setattr(data_folder.os, "link", late)

    assert kept_token(tmp_path) == str(written[-1]) == (tmp_path / "token").read_text().strip()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (f"{FORM + 1}\n".encode(), f"was written by a newer Leat (form {FORM + 1}"),
        (b"two\n", "version is damaged: it holds 'two' instead of a number"),
        ("²".encode(), "is damaged"),
        (b"\xff\x00", "is damaged"),
        (b"-1", "is damaged"),
    ],
)
def test_a_version_that_cannot_be_read(tmp_path: Path, content: bytes, why: str) -> None:
    """A newer one asks for a newer Leat; what is no number is called damaged, and left as it is."""
    (tmp_path / "version").write_bytes(content)

    with pytest.raises(FolderRefused) as refused:
        check_version(tmp_path)

    assert why in refused.value.message
    assert (tmp_path / "version").read_bytes() == content


@pytest.mark.parametrize(("there", "mode"), [((), 0o700), (("version",), 0o700), (("notes.txt",), 0o755)])
def test_a_folder_is_its_owners(tmp_path: Path, there: tuple[str, ...], mode: int) -> None:
    """What a hub makes, had already, or finds empty, others can't enter; a folder with other things in it stays as it is."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    for name in there:
        (folder / name).write_text("1\n")

    for each in (folder, tmp_path / "new"):
        with held(each):
            pass

    assert stat.S_IMODE(folder.stat().st_mode) == mode
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
