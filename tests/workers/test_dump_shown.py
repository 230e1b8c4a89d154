"""What a dump shows of its addresses and names, and what it says where the disk is nearly full."""

import dataclasses
import io
import os
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from domain.data.manifests import Manifest
from domain.data.sources import SOURCES, Source
from domain.errors import DiskFull
from domain.hub import Hub
from events.sources import DumpSource, SourceDumped
from gateway.graphql.sources.types import Source as Shown
from tests.disks import leave, mounted
from tests.workers.desk import HandJob, open_desk
from tests.workers.rawsite import answer, field, open_raw_site
from workers.dump.errors import DumpRefused
from workers.dump.handler import dump_source
from workers.dump.unpack import unpack_folder

CONTENT = b"id\tname\n1\tABL1\n"
ETAG = b'ETag: "one"'


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    """A hub of its own."""
    async with open_desk(tmp_path) as opened:
        yield opened


async def dump(hub: Hub, *urls: str) -> tuple[SourceDumped, HandJob]:
    """The next dump of the source `genes`, and the job that made it."""
    manifest = msgspec.convert({"name": "genes", "data_url": urls}, Manifest)
    new = Source(created_at=1.0, folder="", code="0" * 16, manifest=manifest)
    await SOURCES.insert(hub.records, "genes", new)
    job = HandJob(hub)
    return await dump_source(DumpSource(source="genes"), job), job


def answered(head: bytes) -> bytes:
    """The file, unless it is known."""
    return answer(b"", "304 Not Modified") if field(head, "If-None-Match") else answer(CONTENT, "200 OK", ETAG)


async def test_secrets_of_addresses_are_kept_out_of_what_is_shown(hub: Hub) -> None:
    """They are sent, and in no event and no answer; the file is known again all the same."""
    async with open_raw_site(answered) as site:
        url = site.url("/a.tsv?session_token=hush-1&page=2").replace("://", "://ana:hush-2@")
        first, _ = await dump(hub, url)
        again, _ = await dump(hub, url)

    assert b"session_token=hush-1" in site.asked[0]
    assert "hush" not in msgspec.json.encode(first).decode()
    assert first.files[0].url.endswith("/a.tsv?session_token=***&page=2")
    assert again.unchanged
    assert field(site.asked[1], "If-None-Match") == '"one"'
    shown = Shown.of(await SOURCES.get(hub.records, "genes"))
    assert "hush" not in repr(dataclasses.replace(shown, record=None))
    assert "***" in repr(shown.manifest)


async def test_addresses_that_differ_in_their_secrets_alone(hub: Hub) -> None:
    """Neither is taken for the other: both are fetched again."""

    def serve(head: bytes) -> bytes:
        which = b"one" if b"sig=1" in head else b"two"
        return answer(which, "200 OK", b"Content-Disposition: attachment; filename=" + which, ETAG)

    async with open_raw_site(serve) as site:
        urls = [site.url(f"/a.tsv?sig={number}") for number in (1, 2)]
        await dump(hub, *urls)
        again, _ = await dump(hub, *urls)

    assert [field(head, "If-None-Match") for head in site.asked] == [""] * 4
    assert again.unchanged


async def test_a_refusal_masks_where_a_redirect_leads(hub: Hub) -> None:
    """Signed addresses come in redirects too."""
    location = b"Location: gopher://ana:hush@example.org/?X-Amz-Signature=hush"
    async with open_raw_site(lambda head: answer(b"", "302 Found", location)) as site:
        with pytest.raises(DumpRefused) as caught:
            await dump(hub, site.url("/a.tsv?key=hush"))

    assert "hush" not in str(caught.value)
    assert "ana:***@example.org" in str(caught.value)


def tar(folder: Path, *names: str) -> None:
    """An archive with files of these names, each of which holds its number."""
    with tarfile.open(folder / "a.tar", "w") as archive:
        for number, name in enumerate(names):
            info = tarfile.TarInfo(name)
            info.size = 1
            archive.addfile(info, io.BytesIO(b"%d" % number))


def test_names_in_an_archive_that_a_shell_would_obey(tmp_path: Path) -> None:
    """They are cleaned, which is said once; blanks and what is not ASCII stay."""
    tar(tmp_path, "a b/`id`;x.tsv", "gr\u00f6\u00dfe (1).tsv", "-rf")
    warnings: list[str] = []

    unpack_folder(tmp_path, 2**20, warnings.append)

    assert (tmp_path / "a b/_id__x.tsv").read_bytes() == b"0"
    assert (tmp_path / "gr\u00f6\u00dfe _1_.tsv").read_bytes() == b"1"
    assert (tmp_path / "_rf").read_bytes() == b"2"
    assert len(warnings) == 1
    assert "stored as 'a b/_id__x.tsv'" in warnings[0]


def test_names_that_are_one_once_they_are_clean(tmp_path: Path) -> None:
    """Neither takes the other's place; one name twice is the later file, as tar has it."""
    (tmp_path / "twice").mkdir()
    tar(tmp_path, "a&b.tsv", "a|b.tsv")
    tar(tmp_path / "twice", "a&b.tsv", "./a&b.tsv")

    with pytest.raises(DumpRefused, match=r"two files that would both be named a_b\.tsv"):
        unpack_folder(tmp_path, 2**20, print)
    unpack_folder(tmp_path / "twice", 2**20, print)
    assert (tmp_path / "twice/a_b.tsv").read_bytes() == b"1"


@pytest.mark.parametrize("by", ["http", "file"])
async def test_a_file_that_the_disk_has_no_room_for(tmp_path: Path, by: str) -> None:
    """Which folder, what is free, what is needed, before a byte is written; with room again, the dump is made."""
    content = os.urandom(2**20)
    (tmp_path / "a.tsv").write_bytes(content)
    with mounted(tmp_path / "disk", 16 * 2**20) as disk:
        async with open_desk(disk) as hub, open_raw_site(lambda head: answer(content)) as site:
            url = site.url("/a.tsv") if by == "http" else (tmp_path / "a.tsv").as_uri()
            leave(disk, 2**19)

            with pytest.raises(DiskFull, match=rf"the disk of {disk}/.* [\d,]+ bytes are free, 1\.0 MiB are needed"):
                await dump(hub, url)
            leave(disk, 2**23)
            made, _ = await dump(hub, url)

    assert made.size == len(content)
