"""Unpacking: every kind of archive, and those that mean harm."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from workers.dump.errors import DumpRefused
from workers.dump.unpack import unpack_folder

DATA = b"id\tname\n1\tABL1\n"


def unpack(folder: Path, limit: int = 2**30) -> list[str]:
    """The warnings of an unpacking."""
    warnings: list[str] = []
    unpack_folder(folder, limit, warnings.append)
    return warnings


def tar(path: Path, mode: str, *members: tuple[tarfile.TarInfo, bytes]) -> None:
    """A tar archive of these members."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    """A tar header."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_every_kind_is_unpacked_and_kept(tmp_path: Path) -> None:
    """zip, tar in its four packings, gz, bz2 and xz lie beside what was in them."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("zip/inner.tsv", DATA)
    for ending, mode in ((".tar", "w"), (".tar.gz", "w:gz"), (".tgz", "w:gz"), (".tar.bz2", "w:bz2"), (".tar.xz", "w:xz")):
        tar(tmp_path / f"b{ending}", mode, (member(f"tar{ending}.tsv"), DATA))
    (tmp_path / "c.tsv.gz").write_bytes(gzip.compress(DATA))
    (tmp_path / "d.tsv.bz2").write_bytes(bz2.compress(DATA))
    (tmp_path / "e.tsv.xz").write_bytes(lzma.compress(DATA))
    tar(tmp_path / "f.xz", "w:xz", (member("f.tsv"), DATA))
    packed = {path.name for path in tmp_path.iterdir()}
    assert unpack(tmp_path) == []
    found = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert packed < found.keys()
    assert {name for name in found if name not in packed} == {
        "zip/inner.tsv", "tar.tar.tsv", "tar.tar.gz.tsv", "tar.tgz.tsv", "tar.tar.bz2.tsv", "tar.tar.xz.tsv",
        "c.tsv", "d.tsv", "e.tsv", "f.tsv",
    }  # fmt: skip
    assert {data for name, data in found.items() if name not in packed} == {DATA}


def test_gz_out_of_a_zip_is_unpacked_too(tmp_path: Path) -> None:
    """The order is BioThings': what a zip held is looked at afterwards."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("inner.tsv.gz", gzip.compress(DATA))
    unpack(tmp_path)
    assert (tmp_path / "inner.tsv").read_bytes() == DATA


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "..\\evil", "C:\\evil"])
def test_no_path_leaves_the_folder(tmp_path: Path, name: str) -> None:
    """Names that climb are refused, in a zip and in a tar, and nothing is written outside."""
    for suffix in (".zip", ".tar.gz"):
        folder = tmp_path / suffix / "release"
        folder.mkdir(parents=True)
        if suffix == ".zip":
            with zipfile.ZipFile(folder / "a.zip", "w") as archive:
                archive.writestr(name, DATA)
        else:
            tar(folder / "a.tar.gz", "w:gz", (member(name), DATA))
        with pytest.raises(DumpRefused, match="outside"):
            unpack(folder)
        assert [path.name for path in folder.parent.rglob("*") if path.is_file()] == [f"a{suffix}"]


def test_what_was_fetched_is_never_written_to(tmp_path: Path) -> None:
    """A file of the dump is left as it is, below a folder too, where an archive has one of its name: other dumps may share it."""
    (tmp_path / "below").mkdir()
    for name in ("top.tsv", "below/deep.tsv"):
        (tmp_path / name).write_bytes(b"fetched")
    kept = tmp_path.parent / f"{tmp_path.name}-kept"
    os.link(tmp_path / "below/deep.tsv", kept)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("top.tsv", "below/deep.tsv", "below/new.tsv"):
            archive.writestr(name, DATA)

    warnings = unpack(tmp_path)

    assert len(warnings) == 2
    assert kept.read_bytes() == (tmp_path / "top.tsv").read_bytes() == b"fetched"
    assert (tmp_path / "below/new.tsv").read_bytes() == DATA


def test_links_and_devices_are_left_out(tmp_path: Path) -> None:
    """A symlink that a later member would write through is never made."""
    tar(
        tmp_path / "a.tar", "w",
        (member("out", tarfile.SYMTYPE, "/tmp"), b""),
        (member("hard", tarfile.LNKTYPE, "/etc/passwd"), b""),
        (member("device", tarfile.CHRTYPE), b""),
        (member("out/inside.tsv"), DATA),
    )  # fmt: skip
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    warnings = unpack(tmp_path)
    assert len(warnings) == 4
    assert {path.name for path in tmp_path.iterdir()} == {"a.tar", "b.zip", "out"}
    assert not (tmp_path / "out").is_symlink()
    assert (tmp_path / "out/inside.tsv").read_bytes() == DATA


@pytest.mark.parametrize("suffix", [".gz", ".zip", ".bz2", ".xz", ".tar.gz"])
def test_bomb_is_refused(tmp_path: Path, suffix: str) -> None:
    """Unpacking stops at the size limit, whatever the archive says of itself."""
    zeros = bytes(2 * 2**20)
    path = tmp_path / f"a{suffix}"
    match suffix:
        case ".gz":
            path.write_bytes(gzip.compress(zeros))
        case ".bz2":
            path.write_bytes(bz2.compress(zeros))
        case ".xz":
            path.write_bytes(lzma.compress(zeros))
        case ".zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("zeros", zeros)
        case _:
            tar(path, "w:gz", (member("zeros"), zeros))
    with pytest.raises(DumpRefused, match="bomb"):
        unpack(tmp_path, limit=2**20)
    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < 2 * 2**20


def test_bomb_is_known_by_its_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far below the size limit, a file that grows too much is refused."""
    monkeypatch.setattr("workers.dump.unpack._FREE", 2**20)
    (tmp_path / "a.bz2").write_bytes(bz2.compress(bytes(8 * 2**20)))
    with pytest.raises(DumpRefused, match="bomb"):
        unpack(tmp_path)


def test_bomb_of_packed_files_in_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes out of an archive is unpacked within that archive's bounds: a thousand small bombs are one."""
    monkeypatch.setattr("workers.dump.unpack._FREE", 2**20)
    small = gzip.compress(bytes(2**19))
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(100):
            archive.writestr(f"{number}.gz", small)
    packed = (tmp_path / "a.zip").stat().st_size
    with pytest.raises(DumpRefused, match="bomb"):
        unpack(tmp_path)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 500 * packed + 2**21


def test_a_colon_is_no_drive(tmp_path: Path) -> None:
    """Names such as `GO:1.tsv` are files as others are; `c:` of another system is refused."""
    tar(tmp_path / "a.tar", "w", (member("GO:1.tsv"), DATA))
    unpack(tmp_path)
    assert (tmp_path / "GO:1.tsv").read_bytes() == DATA
    tar(tmp_path / "b.tar", "w", (member("c:evil.tsv"), DATA))
    with pytest.raises(DumpRefused, match="outside"):
        unpack(tmp_path)


def test_bomb_of_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are counted, too."""
    monkeypatch.setattr("workers.dump.unpack._COUNT", 10)
    tar(tmp_path / "a.tar", "w", *((member(f"{number}"), b"") for number in range(11)))
    with pytest.raises(DumpRefused, match="more than 10 files"):
        unpack(tmp_path)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.gz", "a.bz2", "a.xz"])
def test_broken_archive_is_named(tmp_path: Path, name: str) -> None:
    """Damaged files end the dump with their name, not with a traceback."""
    (tmp_path / name).write_bytes(b"\x1f\x8b\x08 this is none" * 40)
    with pytest.raises(DumpRefused, match=name):
        unpack(tmp_path)


def test_fetched_files_win(tmp_path: Path) -> None:
    """A member never takes the place of a file that was fetched by itself."""
    (tmp_path / "a.tsv").write_bytes(b"fetched")
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(DATA))
    assert len(unpack(tmp_path)) == 1
    assert (tmp_path / "a.tsv").read_bytes() == b"fetched"
