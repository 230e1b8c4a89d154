"""DumpSource from a web site or a folder to stored files."""

import gzip
import os
import tarfile
import zipfile
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from domain.data import sources
from domain.data.manifests import Manifest
from domain.data.sources import SOURCES, Source
from domain.errors import JobFailed, NotReady
from domain.hub import Hub, Limits
from events.sources import DumpSource, SourceDumped
from tests.workers.desk import HandJob, open_desk
from tests.workers.ftpsite import open_ftp_site
from tests.workers.website import Website, body, conditional
from workers.dump.errors import DumpRefused
from workers.dump.handler import dump_source

CONTENT = b"id\tname\n1\tABL1\n"


class Place:
    """A hub with one source, whose files a web site serves."""

    def __init__(self, hub: Hub, site: Website, server: TestServer) -> None:
        self.hub = hub
        self.site = site
        self.server = server
        self.job: HandJob

    def url(self, path: str) -> str:
        return str(self.server.make_url(path))

    async def source(self, *urls: str, **values: object) -> None:
        """Make the source `genes`, or change its manifest."""
        manifest = msgspec.convert({"name": "genes", "data_url": urls, **values}, Manifest)
        new = Source(created_at=1.0, folder="", code="0" * 16, manifest=manifest)
        if not await SOURCES.insert(self.hub.records, "genes", new):
            await SOURCES.change(self.hub.records, "genes", lambda source: msgspec.structs.replace(source, manifest=manifest))

    async def dump(self, *, force: bool = False) -> SourceDumped:
        self.job = HandJob(self.hub)
        return await dump_source(DumpSource(source="genes", force=force), self.job)

    async def content(self, dump: SourceDumped) -> dict[str, bytes]:
        """The stored files by name."""
        place = f"dumps/{dump.output}/genes/{dump.release}/"
        found = {}
        for file in await self.hub.files.find(place.rstrip("/")):
            found[file.path.removeprefix(place)] = b"".join([chunk async for chunk in self.hub.files.open(file.path)])
        return found


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """A web site and a hub."""
    site = Website()
    application = web.Application()
    application.router.add_get("/{path:.*}", site.handle)
    async with TestServer(application) as server, open_desk(tmp_path, Limits(download_size=10**6)) as hub:
        yield Place(hub, site, server)


async def test_progress_tells_how_much_of_how_much(place: Place) -> None:
    """Of each file while it comes, and of all with the last one, whose total counts files whose size no server told."""

    async def chunked(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"y" * 40_000)
        return response

    place.site.put("/a.tsv", body(b"x" * 70_000))
    place.site.put("/b.tsv", chunked)
    place.site.put("/c.tsv", body(b"z" * 9_000))
    await place.source(*(place.url(path) for path in ("/a.tsv", "/b.tsv", "/c.tsv")))

    await place.dump()

    told = dict(zip(place.job.messages, place.job.done, strict=True))
    assert told["file 1 of 3: 70,000 of 70,000 bytes"] == (70_000, None)
    assert told["file 2 of 3"] == (110_000, None)
    assert told["file 3 of 3"] == (119_000, 119_000)


async def test_dump_is_stored_and_becomes_the_newest(place: Place) -> None:
    """Files lie below <source>/<release>, described with size, hash and origin; the noun lists the dump."""
    place.site.put("/a.tsv", conditional(CONTENT, '"a"'))
    await place.source(place.url("/a.tsv"))
    dump = await place.dump()
    assert dump.release == "2026-11-21"
    assert dump.output == place.job.output
    assert await place.content(dump) == {"a.tsv": CONTENT}
    (file,) = dump.files
    assert (file.size, file.url, file.etag) == (len(CONTENT), place.url("/a.tsv"), '"a"')
    assert len(file.sha256) == 64
    stored = await SOURCES.get(place.hub.records, "genes")
    assert stored.value.newest(SourceDumped) == dump
    assert (len(CONTENT), len(CONTENT)) in place.job.done


async def test_nothing_new_points_at_what_is_there(place: Place) -> None:
    """The same release again: no new dump, and the event says where the files are; `force` fetches anyway."""
    place.site.put("/a.tsv", conditional(CONTENT, '"a"'))
    await place.source(place.url("/a.tsv"))
    first = await place.dump()
    again = await place.dump()
    assert again.unchanged
    assert (again.output, again.release, again.files) == (first.output, first.release, first.files)
    assert place.job.pinned == [first.output]
    assert await place.hub.files.find(f"dumps/{place.job.output}") == []
    forced = await place.dump(force=True)
    assert not forced.unchanged
    assert forced.output == place.job.output


async def test_what_a_restored_hub_lacks_is_fetched_again(place: Place) -> None:
    """A server that says the file is the same is not asked whether it is, where the hub has it no more."""
    place.site.put("/a.tsv", conditional(CONTENT, '"a"'))
    await place.source(place.url("/a.tsv"))
    first = await place.dump()
    await place.hub.files.delete(f"dumps/{first.output}")
    again = await place.dump()
    assert (again.unchanged, again.release, again.output) == (False, first.release, place.job.output)
    assert [file.path for file in await place.hub.files.find(f"dumps/{again.output}")] == [
        f"dumps/{again.output}/genes/{again.release}/a.tsv"
    ]


async def test_what_changed_in_store_is_not_carried_on(place: Place) -> None:
    """A file that need not be fetched again is taken from the dump before only as it was fetched; `force` fetches it anew."""
    place.site.put("/a.tsv", conditional(CONTENT, '"a"'))
    place.site.put("/b.tsv", conditional(CONTENT, '"b"'))
    await place.source(place.url("/a.tsv"), place.url("/b.tsv"))
    first = await place.dump()
    await place.hub.files.put(f"dumps/{first.output}/genes/{first.release}/a.tsv", CONTENT.replace(b"1", b"7"))
    place.site.put("/b.tsv", conditional(CONTENT * 2, '"c"'))

    with pytest.raises(DumpRefused, match=r"a\.tsv .* --force"):
        await place.dump()

    forced = await place.dump(force=True)
    assert await place.content(forced) == {"a.tsv": CONTENT, "b.tsv": CONTENT * 2}


async def test_empty_files_are_warned_of(place: Place) -> None:
    """They may be meant, so they are a release; the job's log says so, of files that were packed too."""
    place.site.put("/a.tsv", body(CONTENT))
    place.site.put("/b.tsv", body(b""))
    place.site.put("/c.tsv.gz", body(gzip.compress(b"")))
    await place.source(place.url("/a.tsv"), place.url("/b.tsv"), place.url("/c.tsv.gz"), uncompress=True)
    dump = await place.dump()
    assert ("warning", f"empty in release {dump.release}: b.tsv, c.tsv") in place.job.lines
    await place.source(place.url("/b.tsv"))
    dump = await place.dump()
    assert await place.content(dump) == {"b.tsv": b""}
    assert ("warning", f"empty in release {dump.release}: every file") in place.job.lines


async def test_server_without_validators(place: Place) -> None:
    """Where nothing dates the file, its content names the release, and equal content is no news."""
    place.site.put("/a.tsv", body(CONTENT))
    await place.source(place.url("/a.tsv"))
    first = await place.dump()
    assert len(first.release) == 12
    assert (await place.dump()).unchanged
    place.site.put("/a.tsv", body(CONTENT + b"2\tKRAS\n"))
    second = await place.dump()
    assert not second.unchanged
    assert second.release != first.release


async def test_only_what_changed_is_transferred(place: Place) -> None:
    """A new release takes over what did not change from the one before, which stays as it was."""
    place.site.put("/a.tsv", conditional(CONTENT, '"a"'))
    place.site.put("/b.tsv", conditional(b"1", '"b1"'))
    await place.source(place.url("/a.tsv"), place.url("/b.tsv"))
    first = await place.dump()
    place.site.put("/b.tsv", conditional(b"2", '"b2"', "Sun, 22 Nov 2026 10:00:00 GMT"))
    second = await place.dump()
    assert second.release == "2026-11-22"
    assert await place.content(second) == {"a.tsv": CONTENT, "b.tsv": b"2"}
    assert await place.content(first) == {"a.tsv": CONTENT, "b.tsv": b"1"}
    third = await place.dump()
    assert third.unchanged


async def test_archives_are_unpacked_beside_themselves(place: Place) -> None:
    """`uncompress` keeps the packed file; switching it on is news although the file is the same."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("deep/b.tsv", CONTENT)
    place.site.put("/a.tsv.gz", conditional(gzip.compress(CONTENT), '"a"'))
    place.site.put("/b.zip", conditional(packed.getvalue(), '"b"'))
    await place.source(place.url("/a.tsv.gz"), place.url("/b.zip"))
    assert len((await place.dump()).files) == 2
    await place.source(place.url("/a.tsv.gz"), place.url("/b.zip"), uncompress=True)
    dump = await place.dump()
    assert not dump.unchanged
    content = await place.content(dump)
    assert sorted(content) == ["a.tsv", "a.tsv.gz", "b.zip", "deep/b.tsv"]
    assert content["a.tsv"] == content["deep/b.tsv"] == CONTENT
    assert (await place.dump()).unchanged


async def test_old_dumps_leave_the_list(place: Place) -> None:
    """As many as `keep_dumps` are listed; the rest is garbage."""
    await place.source(place.url("/a.tsv"))
    for number in range(5):
        place.site.put("/a.tsv", body(b"%d" % number))
        await place.dump()
    stored = await SOURCES.get(place.hub.records, "genes")
    assert len(stored.value.outputs) == place.hub.limits.keep_dumps
    assert stored.value.outputs[0].output == place.job.output


async def test_html_is_refused_and_leaves_nothing(place: Place) -> None:
    """An error page fails the dump; the one before stays the newest and nothing is stored."""
    place.site.put("/a.tsv", body(CONTENT), body(b"<!DOCTYPE html>Sorry"))
    await place.source(place.url("/a.tsv"))
    first = await place.dump()
    with pytest.raises(DumpRefused, match="HTML"):
        await place.dump()
    assert await place.hub.files.find(f"dumps/{place.job.output}") == []
    stored = await SOURCES.get(place.hub.records, "genes")
    assert stored.value.newest(SourceDumped) == first


@pytest.mark.parametrize("url", ["sftp://example.org/a", "s3://bucket/a", "docker://x?image=y", "a.tsv"])
async def test_other_schemes_are_refused(place: Place, url: str) -> None:
    """What can't be fetched is named, with what can."""
    await place.source(url)
    with pytest.raises(DumpRefused, match="http, https, ftp, ftps, file can"):
        await place.dump()


async def test_two_files_of_one_name_are_refused(place: Place) -> None:
    """One would overwrite the other."""
    place.site.put("/x/a.tsv", body(CONTENT))
    place.site.put("/y/a.tsv", body(CONTENT))
    await place.source(place.url("/x/a.tsv"), place.url("/y/a.tsv"))
    with pytest.raises(DumpRefused, match="both named"):
        await place.dump()


async def test_disabled_source_is_refused(place: Place) -> None:
    """Nothing is asked of the server."""
    await place.source(place.url("/a.tsv"))
    await SOURCES.change(place.hub.records, "genes", lambda source: msgspec.structs.replace(source, disabled=True))
    with pytest.raises(NotReady, match="disabled"):
        await place.dump()
    assert place.site.asked == []


async def test_folder_is_dumped_with_what_is_below(place: Place, tmp_path: Path) -> None:
    """A file: URL of a folder keeps its structure; a file that is touched or changed is news."""
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.tsv").write_bytes(CONTENT)
    (folder / "deep/b.tsv").write_bytes(b"1")
    for path in (folder / "a.tsv", folder / "deep/b.tsv"):
        os.utime(path, (1_795_000_000, 1_795_000_000))
    await place.source(folder.as_uri())
    dump = await place.dump()
    assert dump.release == "2026-11-18"
    assert await place.content(dump) == {"a.tsv": CONTENT, "deep/b.tsv": b"1"}
    assert (folder / "a.tsv").exists()
    assert (await place.dump()).unchanged
    (folder / "deep/b.tsv").write_bytes(b"2")
    assert await place.content(await place.dump()) == {"a.tsv": CONTENT, "deep/b.tsv": b"2"}


@pytest.mark.parametrize("url", ["{0}/token", "{0}", "{0}/../{1}/records.db", "{0}/files/plugins", "{0}/a%20link.tsv"])
async def test_the_hub_s_own_files_are_no_sources(place: Place, url: str) -> None:
    """Its token and records, by whatever name or link, also within a folder; what others keep beside them may be fetched."""
    data = place.hub.data
    (data / "files/plugins").mkdir(parents=True, exist_ok=True)
    for name in ("token", "files/plugins/parser.py", "mine.tsv"):
        (data / name).write_bytes(CONTENT)
    (data / "a link.tsv").symlink_to(data / "token")

    await place.source("file://" + url.format(data, data.name))
    with pytest.raises(DumpRefused, match=r"is the hub's own, in LEAT_DATA"):
        await place.dump()
    await place.source((data / "mine.tsv").as_uri())
    assert await place.content(await place.dump()) == {"mine.tsv": CONTENT}


async def test_relative_url_is_read_in_the_plugin(place: Place, tmp_path: Path) -> None:
    """`file:data/…` is the stored copy of the plugin, which it can't leave."""
    (tmp_path / "b").write_bytes(CONTENT)
    await place.hub.files.put(f"plugins/{'0' * 16}/genes/data/b.tsv", tmp_path / "b")
    await place.source("file:data/b.tsv")
    assert await place.content(await place.dump()) == {"b.tsv": CONTENT}
    await place.source("file:data/../../../b.tsv")
    with pytest.raises(DumpRefused, match="leaves"):
        await place.dump()


async def test_examples_dump_as_they_are(place: Place) -> None:
    """The release function names the release; the data comes out of the plugin's own folder, without a network."""
    folder = Path(__file__).parents[2] / "examples/wikidata_properties"
    await sources.add(place.hub, str(folder))
    dump = await dump_source(DumpSource(source="wikidata_properties"), HandJob(place.hub))
    assert dump.release == "0.15.6"
    assert [file.name for file in dump.files] == ["properties.tsv"]
    assert (await dump_source(DumpSource(source="wikidata_properties"), HandJob(place.hub))).unchanged


async def test_release_function_that_fails(place: Place, tmp_path: Path) -> None:
    """Nothing is fetched, and the plugin's traceback is kept."""
    (tmp_path / "version.py").write_text("def get_release(dumper):\n    return 1 / 0\n")
    await place.hub.files.put(f"plugins/{'0' * 16}/genes/version.py", tmp_path / "version.py")
    await place.source(place.url("/a.tsv"), release="version:get_release")
    with pytest.raises(JobFailed) as caught:
        await place.dump()
    assert "ZeroDivisionError" in caught.value.detail
    assert place.site.asked == []


def tarred(content: bytes) -> bytes:
    """A tar.gz with `inner.tsv`."""
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo("inner.tsv")
        info.size = len(content)
        archive.addfile(info, BytesIO(content))
    return packed.getvalue()


async def test_gz_bytes_under_another_name_are_unpacked(place: Place) -> None:
    """The file is unpacked under the name that it has, and the packed one lies beside it, as with any other; the same again is no
    news, and without `uncompress` it is what came."""
    packed = gzip.compress(CONTENT)
    place.site.put("/genes.tsv", conditional(packed, '"a"'))
    archive = tarred(CONTENT)
    place.site.put("/download", conditional(archive, '"b"'))
    place.site.put("/reads.bam", conditional(packed, '"c"'))
    place.site.put("/variants.vcf.bgz", conditional(packed, '"d"'))
    urls = [place.url(path) for path in ("/genes.tsv", "/download", "/reads.bam", "/variants.vcf.bgz")]
    await place.source(*urls, uncompress=True)

    dump = await place.dump()

    assert await place.content(dump) == {
        "genes.tsv": CONTENT,
        "genes.tsv.gz": packed,
        "download.tar.gz": archive,
        "inner.tsv": CONTENT,
        "reads.bam": packed,
        "variants.vcf": CONTENT,
        "variants.vcf.bgz": packed,
    }
    assert (await place.dump()).unchanged
    await place.source(*urls)
    without = await place.dump()
    assert not without.unchanged
    assert sorted(await place.content(without)) == ["download", "genes.tsv", "reads.bam", "variants.vcf.bgz"]
    assert (await place.dump()).unchanged
    await place.source(*urls, uncompress=True)
    assert (await place.dump()).files == dump.files


async def test_two_files_that_are_named_alike_once_they_are_unpacked(place: Place) -> None:
    """Neither takes the other's place."""
    for path in ("/genes.tsv", "/genes.tsv.gz"):
        place.site.put(path, body(gzip.compress(CONTENT)))
    await place.source(place.url("/genes.tsv"), place.url("/genes.tsv.gz"), uncompress=True)

    with pytest.raises(DumpRefused, match=r"both named genes\.tsv\.gz"):
        await place.dump()


async def test_a_folder_with_names_that_are_no_utf_8(place: Place, tmp_path: Path) -> None:
    """They are stored as Latin-1 reads them, and known again; so is a file whose URL spells its bytes."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in (b"gr\xf6sse.tsv", "größe.tsv".encode()):
        (folder / os.fsdecode(name)).write_bytes(name)
    await place.source(folder.as_uri())

    dump = await place.dump()

    assert await place.content(dump) == {"grösse.tsv": b"gr\xf6sse.tsv", "größe.tsv": "größe.tsv".encode()}
    assert (await place.dump()).unchanged
    await place.source(folder.as_uri() + "/gr%F6sse.tsv")
    assert list(await place.content(await place.dump())) == ["grösse.tsv"]


async def test_a_file_that_cannot_be_read_is_named(place: Place, tmp_path: Path) -> None:
    """A link to nowhere ends the dump with its address."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/gone.tsv").symlink_to(tmp_path / "nowhere")
    await place.source((tmp_path / "data").as_uri())

    with pytest.raises(DumpRefused, match=r"gone\.tsv can't be read: No such file"):
        await place.dump()


async def test_what_the_server_says_wrongly_is_in_the_log(place: Place) -> None:
    """The file is taken as it came, with a warning."""
    place.site.put("/a.tsv", body(CONTENT, Content_Encoding="utf-8"))
    await place.source(place.url("/a.tsv"))

    assert await place.content(await place.dump()) == {"a.tsv": CONTENT}
    assert ("warning", "a.tsv is said to be packed as utf-8: it is taken as it came") in place.job.lines


async def test_files_over_ftp(place: Place, tmp_path: Path) -> None:
    """They are dumped, dated by the server, unpacked, and known again."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served/genes.tsv.gz").write_bytes(gzip.compress(CONTENT))
    os.utime(tmp_path / "served/genes.tsv.gz", (1_795_000_000, 1_795_000_000))
    with open_ftp_site(tmp_path / "served") as site:
        await place.source(site.url("/genes.tsv.gz"), uncompress=True)
        dump = await place.dump()
        again = await place.dump()

    assert dump.release == "2026-11-18"
    assert (await place.content(dump))["genes.tsv"] == CONTENT
    assert again.unchanged
    assert len([line for line in site.heard if line.startswith("RETR")]) == 1
