"""Archives as other systems make them: names of any bytes, links, folders of Windows. All of it is unpacked, or refused by name."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.dump.errors import DumpRefused
from workers.dump.names import safe_path
from workers.dump.text import text_of
from workers.dump.unpack import unpack_folder

DATA = b"id\tname\n1\tABL1\n"


def unpack(folder: Path) -> list[str]:
    """The warnings of an unpacking."""
    warnings: list[str] = []
    unpack_folder(folder, 2**24, warnings.append)
    return warnings


def refusal(folder: Path) -> str | None:
    """Why the archive is refused; None where it is not."""
    try:
        unpack(folder)
    except DumpRefused as error:
        return str(error)
    return None


def found(folder: Path) -> dict[str, bytes]:
    """What came out, by name."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in ("a.tar", "a.zip"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def member(name: bytes, data: bytes = DATA, *, kind: bytes = tarfile.REGTYPE, target: bytes = b"") -> tuple[tarfile.TarInfo, bytes]:
    """A member of a tar, its name as bytes."""
    info = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
    info.type, info.linkname, info.size = kind, target.decode("utf-8", "surrogateescape"), len(data)
    return info, data


def hard(name: bytes, target: bytes) -> tuple[tarfile.TarInfo, bytes]:
    """Another name of a member."""
    return member(name, b"", kind=tarfile.LNKTYPE, target=target)


def soft(name: bytes, target: bytes) -> tuple[tarfile.TarInfo, bytes]:
    """A symbolic link."""
    return member(name, b"", kind=tarfile.SYMTYPE, target=target)


def tar(folder: Path, *members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.GNU_FORMAT) -> Path:
    """The archive `a.tar` of these members."""
    with tarfile.open(folder / "a.tar", "w", format=form, encoding="utf-8", errors="surrogateescape") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return folder / "a.tar"


def zipped(folder: Path, *members: tuple[bytes, bytes], mark: bool = False, attributes: int = 0) -> Path:
    """The archive `a.zip` with these names, byte for byte. `mark`: they are said to be UTF-8."""
    stand_ins = [b"%05d" % number + b"x" * (len(name) - 5) for number, (name, _) in enumerate(members)]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for stand_in, (_, data) in zip(stand_ins, members, strict=True):
            info = zipfile.ZipInfo(stand_in.decode())
            info.external_attr = attributes
            archive.writestr(info, data)
    content = packed.getvalue()
    for stand_in, (name, _) in zip(stand_ins, members, strict=True):
        assert len(stand_in) == len(name)
        content = content.replace(stand_in, name)
    if mark:
        for magic, place in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
            content = b"".join(
                piece if not number else magic + piece[: place - 4] + b"\x08" + piece[place - 3 :]
                for number, piece in enumerate(content.split(magic))
            )
    (folder / "a.zip").write_bytes(content)
    return folder / "a.zip"


raw_names = st.binary(min_size=6, max_size=60).filter(lambda name: not set(name) & set(b"/\\\0:") and name.strip(b". "))


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_names_of_a_tar_that_are_no_utf_8(tmp_path: Path, form: int) -> None:
    """They are read as Latin-1, in each form of tar, with folders and links."""
    name = "Größe/né.tsv".encode("latin-1")

    tar(tmp_path, member(name), hard("zweiter é".encode("latin-1"), name), form=form)

    assert unpack(tmp_path) == []
    assert found(tmp_path) == {"Größe/né.tsv": DATA, "zweiter é": DATA}


@settings(max_examples=60)
@given(names=st.lists(raw_names, min_size=1, max_size=6, unique_by=lambda name: safe_path(text_of(name))))
def test_any_names_of_a_tar(names: list[bytes]) -> None:
    """What they stand for is stored as text that a record can hold, and each file is there."""
    with TemporaryDirectory() as folder:
        tar(Path(folder), *(member(name, b"%d" % number) for number, name in enumerate(names)))
        unpack(Path(folder))
        there = found(Path(folder))

    assert there == {safe_path(text_of(name)): b"%d" % number for number, name in enumerate(names)}
    assert all(name.encode() for name in there)


def test_two_names_that_become_one(tmp_path: Path) -> None:
    """Neither takes the other's place."""
    tar(tmp_path, member("é.tsv".encode()), member("é.tsv".encode("latin-1"), b"other"))

    with pytest.raises(DumpRefused, match=r"two files that would both be named é\.tsv"):
        unpack(tmp_path)


def link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    """A symbolic link in a tar."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info, b""


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("other", [("a;b.tsv", "a_b.tsv"), ("x/a b$.tsv", "x/a b_.tsv")])
def test_a_link_and_a_file_whose_names_become_one(tmp_path: Path, other: tuple[str, str], first: int) -> None:
    """Whichever comes first, none of them is lost without a word."""
    members = [link(other[0], "target.tsv"), member(other[1].encode(), b"its own")]
    tar(tmp_path, member(b"target.tsv"), members[first], members[1 - first])

    with pytest.raises(DumpRefused, match="two files that would both be named"):
        unpack(tmp_path)


def test_a_link_whose_name_is_changed_is_stored(tmp_path: Path) -> None:
    """Under the name that shells don't obey, as the copy of what it leads to."""
    tar(tmp_path, member(b"target.tsv", b"1"), link("a;b.tsv", "target.tsv"), link("c;d.tsv", "a;b.tsv"))

    unpack(tmp_path)

    assert found(tmp_path) == {"target.tsv": b"1", "a_b.tsv": b"1", "c_d.tsv": b"1"}


@pytest.mark.parametrize(
    ("name", "mark", "text"),
    [
        ("größe.tsv".encode(), True, "größe.tsv"),
        ("größe.tsv".encode(), False, "größe.tsv"),
        ("größe.tsv".encode("cp437"), False, "größe.tsv"),
    ],
)
def test_names_of_a_zip(tmp_path: Path, name: bytes, mark: bool, text: str) -> None:
    """UTF-8 with the mark and, as some systems write it, without; else the code page of DOS."""
    zipped(tmp_path, (name, DATA), mark=mark)

    unpack(tmp_path)

    assert found(tmp_path) == {text: DATA}


def test_names_of_a_zip_that_are_not_what_they_say(tmp_path: Path) -> None:
    """Said to be UTF-8, and not: the archive is refused by name."""
    zipped(tmp_path, (b"gr\xf6sse.tsv", DATA), mark=True)

    with pytest.raises(DumpRefused, match=r"a\.zip can't be unpacked"):
        unpack(tmp_path)


@settings(max_examples=60)
@given(names=st.lists(raw_names, min_size=1, max_size=5, unique_by=lambda name: name[:5]))
def test_any_names_of_a_zip(names: list[bytes]) -> None:
    """Each file is there, under some text, or the archive is refused by name."""
    members = [(b"%05d" % number + name, b"%d" % number) for number, name in enumerate(names)]
    with TemporaryDirectory() as folder:
        zipped(Path(folder), *members)
        said = refusal(Path(folder))
        there = found(Path(folder))
    if said is not None:
        assert "a.zip" in said
        return

    assert sorted(there.values()) == sorted(data for _, data in members)
    assert all(name.encode() for name in there)


@pytest.mark.parametrize("attributes", [0, 0x10])
@pytest.mark.parametrize("folder_name", [b"my data\\", b"my data/", b"my data"])
def test_folders_that_windows_made(tmp_path: Path, folder_name: bytes, attributes: int) -> None:
    """Backslashes part names, and an entry that is a folder is no file; by its ending, or by its mark."""
    if folder_name == b"my data" and not attributes:
        return  # nothing says that it is a folder
    zipped(tmp_path, (folder_name, b""), (b"my data\\in\\genes.tsv", DATA), attributes=attributes)

    assert unpack(tmp_path) == []
    assert found(tmp_path) == {"my data/in/genes.tsv": DATA}


def test_hard_links_have_the_data(tmp_path: Path) -> None:
    """Each name of a file is a file, whichever way it is spelt; a change of one is none of the other."""
    tar(tmp_path, member(b"./v1/genes.tsv"), hard(b"genes.tsv", b"v1/genes.tsv"), hard(b"x/y.tsv", b"./genes.tsv"))

    assert unpack(tmp_path) == []
    assert found(tmp_path) == dict.fromkeys(("v1/genes.tsv", "genes.tsv", "x/y.tsv"), DATA)
    (tmp_path / "genes.tsv").write_bytes(b"")
    assert (tmp_path / "v1/genes.tsv").read_bytes() == DATA


def test_a_hard_link_to_itself(tmp_path: Path) -> None:
    """It leaves the file as it is."""
    tar(tmp_path, member(b"genes.tsv"), hard(b"./genes.tsv", b"genes.tsv"))

    unpack(tmp_path)

    assert found(tmp_path) == {"genes.tsv": DATA}


def test_a_hard_link_to_what_is_not_there(tmp_path: Path) -> None:
    """Its data is missing: the archive is refused, with both names."""
    tar(tmp_path, member(b"other.tsv"), hard(b"genes.tsv", b"v1/genes.tsv"))

    with pytest.raises(DumpRefused, match=r"genes\.tsv as another name of v1/genes\.tsv"):
        unpack(tmp_path)


def test_hard_links_count(tmp_path: Path) -> None:
    """A thousand names of one file are a bomb as a thousand files are."""
    tar(tmp_path, member(b"a", bytes(2**20)), *(hard(b"%d" % number, b"a") for number in range(30)))

    with pytest.raises(DumpRefused, match="bomb"):
        unpack(tmp_path)


def test_symbolic_links_inside(tmp_path: Path) -> None:
    """They become copies, wherever in the archive the file is, over several links, and by hard links to them."""
    tar(
        tmp_path,
        soft(b"latest.tsv", b"current.tsv"),
        soft(b"current.tsv", b"v2/genes.tsv"),
        hard(b"again.tsv", b"latest.tsv"),
        soft(b"sub/up.tsv", b"../v2/./genes.tsv"),
        member(b"v2/genes.tsv"),
    )

    assert unpack(tmp_path) == []
    assert found(tmp_path) == dict.fromkeys(("latest.tsv", "current.tsv", "again.tsv", "sub/up.tsv", "v2/genes.tsv"), DATA)


def test_symbolic_links_of_a_zip(tmp_path: Path) -> None:
    """Likewise."""
    zipped(tmp_path, (b"latest.tsv", b"genes.tsv"), attributes=0o120777 << 16)
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
        archive.writestr("genes.tsv", DATA)

    assert unpack(tmp_path) == []
    assert found(tmp_path) == {"latest.tsv": DATA, "genes.tsv": DATA}


@pytest.mark.parametrize("target", [b"/etc/passwd", b"../../etc/passwd", b"absent", b"me", b"there", b".."])
def test_symbolic_links_to_elsewhere(tmp_path: Path, target: bytes) -> None:
    """Out of the folder, to nothing, to themselves and in a circle: left out, with a word."""
    tar(tmp_path, soft(b"me", target), soft(b"there", b"back"), soft(b"back", b"there"), member(b"genes.tsv"))

    warnings = unpack(tmp_path)

    assert found(tmp_path) == {"genes.tsv": DATA}
    assert [warning for warning in warnings if "holds me," in warning]


def test_a_link_that_a_later_file_replaces(tmp_path: Path) -> None:
    """The last one of a name counts, as in tar."""
    tar(tmp_path, soft(b"genes.tsv", b"old.tsv"), member(b"old.tsv", b"old"), member(b"genes.tsv"))

    unpack(tmp_path)

    assert found(tmp_path) == {"genes.tsv": DATA, "old.tsv": b"old"}


def test_members_of_kinds_that_tar_does_not_know(tmp_path: Path) -> None:
    """They are files, as the tools have it; names of volumes are none, and later volumes are refused."""
    tar(tmp_path, member(b"a backup", b"", kind=b"V"), member(b"genes.tsv", kind=b"Q"))

    unpack(tmp_path)

    assert found(tmp_path) == {"genes.tsv": DATA}
    tar(tmp_path, member(b"genes.tsv", kind=b"M"))
    with pytest.raises(DumpRefused, match="several volumes"):
        unpack(tmp_path)


def test_a_tar_with_a_damaged_header(tmp_path: Path) -> None:
    """What comes after it is not lost in silence."""
    path = tar(tmp_path, *(member(b"%d.tsv" % number) for number in range(3)))
    content = bytearray(path.read_bytes())
    content[2 * 1024 + 3] ^= 0xFF
    path.write_bytes(content)

    with pytest.raises(DumpRefused, match=r"a\.tar can't be unpacked"):
        unpack(tmp_path)


def sound(kind: str, folder: Path) -> Path:
    """An archive of three files."""
    names = [b"one.tsv", b"sub/two.tsv", b"thr\xc3\xa9e.tsv"]
    if kind == "zip":
        return zipped(folder, *((name, DATA * 20) for name in names))
    path = tar(folder, *(member(name, DATA * 20) for name in names), hard(b"link.tsv", b"one.tsv"))
    if kind == "tar.gz":
        packed = path.with_name("a.tar.gz")
        packed.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        path.unlink()
        return packed
    return path


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
@settings(max_examples=150)
@given(places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4))
def test_a_damaged_archive_is_refused_by_name(kind: str, places: Sequence[tuple[float, int]]) -> None:
    """Whatever byte is damaged, it unpacks to something, or is refused: it never ends as a traceback, or outside of the folder."""
    with TemporaryDirectory() as home:
        folder = Path(home, "in")
        folder.mkdir()
        path = sound(kind, folder)
        content = bytearray(path.read_bytes())
        for place, change in places:
            content[int(place * len(content))] ^= change
        path.write_bytes(content)
        said = refusal(folder)
        assert said is None or path.name in said
        assert [entry.name for entry in Path(home).iterdir()] == ["in"]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_an_archive_that_is_cut_is_refused(tmp_path: Path, kind: str) -> None:
    """At any place before its last file ends."""
    whole = sound(kind, tmp_path).read_bytes()
    for number, size in enumerate(range(10, min(len(whole), 3 * 1024 + 300) - 9, 101)):
        if not size % tarfile.BLOCKSIZE:
            continue  # a tar that ends between two files is one
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / f"a.{kind}").write_bytes(whole[:size])
        with pytest.raises(DumpRefused):
            unpack(folder)
