"""`file:` URLs name regular files, under names that no shell obeys."""

import os
import socket
from pathlib import Path

import pytest

from workers.dump.errors import DumpRefused
from workers.dump.local import fetch_local, path_of


def fetch(url: str, folder: Path) -> dict[str, bytes]:
    """What is fetched, by name."""
    folder.mkdir()
    fetched = fetch_local(url, path_of(url, Path()), folder, {}, 10**6)
    return {file.name: file.path.read_bytes() for file in fetched if file.path}


@pytest.mark.parametrize(
    "path",
    [
        "/proc/self/environ",
        "/proc/1/cmdline",
        "/sys/kernel/notes",
        "/dev/null",
        "/dev/zero",
        "/proc/self/fd",
        "/dev/../proc/self/status",
    ],
)
@pytest.mark.parametrize("by", ["itself", "a link", "a folder with a link"])
def test_what_the_kernel_makes_up_is_refused(tmp_path: Path, path: str, by: str) -> None:
    """By its own name, and behind links, where the environment of processes could be read."""
    (tmp_path / "data").mkdir()
    link = tmp_path / "data/genes.tsv"
    link.symlink_to(path)
    named = {"itself": f"file://{path}", "a link": link.as_uri(), "a folder with a link": (tmp_path / "data").as_uri()}[by]
    if by == "a folder with a link" and Path(path).is_dir():
        pytest.skip("links to folders are not followed")

    with pytest.raises(DumpRefused, match="can't be fetched"):
        fetch(named, tmp_path / "fetched")


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    """A pipe that nobody writes to, and a socket, in the middle of a folder."""
    for name in ("pipe", "socket"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.tsv").write_bytes(b"1")
    os.mkfifo(tmp_path / "pipe/b.tsv")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket/b.tsv"))

        for name in ("pipe", "socket"):
            for place in (tmp_path / name, tmp_path / name / "b.tsv"):
                with pytest.raises(DumpRefused, match=r"b\.tsv is no regular file"):
                    fetch(place.as_uri(), tmp_path / f"fetched-{name}-{place.name}")


def test_links_of_a_plugin_stay_in_its_folder(tmp_path: Path) -> None:
    """As its paths do."""
    (tmp_path / "plugin").mkdir()
    (tmp_path / "secret").write_bytes(b"1")
    (tmp_path / "plugin/genes.tsv").symlink_to(tmp_path / "secret")

    with pytest.raises(DumpRefused, match="leaves the plugin's folder"):
        path_of("file:genes.tsv", tmp_path / "plugin")


def test_names_of_a_folder_that_a_shell_would_obey(tmp_path: Path) -> None:
    """Files and the folders around them."""
    place = tmp_path / "a$(id)"
    place.mkdir(parents=True)
    deep = tmp_path / "data/b`id`"
    deep.mkdir(parents=True)
    (deep / "x;y|z.tsv").write_bytes(b"1")
    (deep / "-rf").write_bytes(b"2")

    assert fetch((tmp_path / "data").as_uri(), tmp_path / "fetched") == {"b_id_/x_y_z.tsv": b"1", "b_id_/_rf": b"2"}
