"""What servers write into headers, whatever it is: it is read, or it is nothing, and it never ends as a traceback."""

import gzip
import re
import time
import urllib.parse
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workers.dump.download import Fetched
from workers.dump.encoding import take_off, unknown
from workers.dump.errors import DumpRefused
from workers.dump.headers import codings_of, moment_of, span_of, validator_of, wait_of
from workers.dump.names import name_of, without_shell
from workers.dump.release import release_of

URL = "https://example.org/export"
header_text = st.binary(max_size=60).map(lambda raw: raw.decode("utf-8", "surrogateescape")) | st.text(
    st.sampled_from("abZ09 \t\"\\;=*'%/.-_,:²٣é?")
)
"""Texts as aiohttp gives them: bytes that are no UTF-8 are surrogates."""
dates = st.text(st.sampled_from("Mon, Jan 0123456789:GMT+-²")) | header_text


@given(start=st.integers(0, 10**17), length=st.integers(1, 10**6), after=st.integers(0, 10**6), told=st.booleans())
def test_a_span_is_what_was_written(start: int, length: int, after: int, told: bool) -> None:
    """Start, end and total come back; a total that is not told is None."""
    total = start + length + after

    span = span_of(f"bytes {start}-{start + length - 1}/{total if told else '*'}")

    assert span == (start, start + length, total if told else None)


@pytest.mark.parametrize("value", ["bytes=2-3/9", "BYTES 2 - 3 / 9", " bytes 2-3/9 ", "bytes:2-3/9"])
def test_spans_that_are_meant(value: str) -> None:
    """Servers spell them in several ways."""
    assert span_of(value) == (2, 4, 9)


@pytest.mark.parametrize(
    "value", ["", "bytes 3-2/9", "bytes 2-9/9", "bytes ²-3/9", "items 2-3/9", "bytes 2-/9", "bytes */9", "bytes 2-3"]
)
def test_spans_that_cannot_be(value: str) -> None:
    """What contradicts itself is none."""
    assert span_of(value) is None


@given(header_text)
def test_a_span_never_fails(value: str) -> None:
    """Whatever is sent."""
    span = span_of(value)

    assert span is None or 0 <= span.start < span.stop <= (span.total or span.stop)


@given(dates)
@example("Sat, 21 Nov 10000 10:00:00 GMT")
@example("Sat, 99 Nov 2026 99:99:99 GMT")
@example("0")
@example("Thu, 01 Jan 1970 00:00:00 +999999999999999")
@example("Thu, 01 Jan 0000 00:00:00 GMT")
@example("Sat, 21 Nov 9999 23:59:59 -2400")
def test_dates_that_are_none(value: str) -> None:
    """They are no moment, no wait beyond a minute, and no reason to fail: the ETag or the content names the release then."""
    moment = moment_of(value)
    release = release_of([Fetched(name="a", url="u", path=None, etag='"x1"', last_modified=value)], ["0" * 64])

    assert 0 <= wait_of(value) <= 60
    assert moment is None or isinstance(moment, float)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d|x1", release)


def test_waiting_is_read_in_both_forms() -> None:
    """Seconds, and a date."""
    soon = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 30))

    assert wait_of(" 7 ") == 7
    assert wait_of("999999999999999999999") == 60
    assert 25 < wait_of(soon) <= 30
    assert wait_of("Sat, 21 Nov 2020 10:00:00 GMT") == wait_of("-5") == wait_of("soon") == wait_of("²") == 0


@given(header_text)
def test_a_validator_can_be_stored_and_sent(value: str) -> None:
    """What no text can hold is no validator."""
    kept = validator_of(value)

    assert kept in (value, "")
    assert "\n" not in kept
    kept.encode()


names = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"], exclude_characters='/\\"%='), min_size=1, max_size=40
)
"""Names that are one path component as they are."""


def safe(name: str) -> str:
    """How such a name is stored."""
    return without_shell(name.strip().lstrip(".").strip())


@given(names)
def test_a_quoted_name_is_taken_to_the_letter(name: str) -> None:
    """Semicolons, commas and blanks in it as well."""
    assert name_of(URL, f'attachment; size=3; filename="{name}"; x=y') == (safe(name) or "export")


@given(names.filter(lambda name: ";" not in name))
def test_a_name_without_quotes_reaches_to_the_semicolon(name: str) -> None:
    """As in every browser."""
    assert name_of(URL, f"attachment; filename={name}; x=y") == (safe(name) or "export")


@given(names, st.sampled_from(["UTF-8", "utf-8"]), st.booleans())
def test_the_extended_name_goes_first(name: str, charset: str, before: bool) -> None:
    """Wherever it stands."""
    fields = ["filename=plain.txt", f"filename*={charset}'en'{urllib.parse.quote(name, safe='')}"]

    assert name_of(URL, "; ".join(["attachment", *(fields[::-1] if before else fields)])) == (safe(name) or "export")


@given(names.filter(lambda name: all(ord(letter) < 256 for letter in name) and not name.isascii()))
def test_names_in_latin_1(name: str) -> None:
    """Bytes that are no UTF-8 are read as Latin-1, as aiohttp hands them on."""
    raw = name.encode("latin-1").decode("utf-8", "surrogateescape")
    if not any("\ud800" <= letter <= "\udfff" for letter in raw):
        return  # by chance it is UTF-8

    assert name_of(URL, f'attachment; filename="{raw}"') == (safe(name) or "export")


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("filename=rows.csv", "rows.csv"),
        ("ATTACHMENT;FILENAME = rows.csv", "rows.csv"),
        ('inline; note="filename=no.csv"; filename=rows.csv', "rows.csv"),
        ('attachment; filename="say \\"yes\\".csv"', "say _yes_.csv"),
        ('attachment; filename="rows.csv', "rows.csv"),
        ("attachment; filename=first.csv; filename=second.csv", "first.csv"),
        ("attachment; filename*=UTF-8''%FF%FE; filename=rows.csv", "rows.csv"),
        ("attachment; filename*=no-such-charset''x; filename=rows.csv", "rows.csv"),
        ("attachment; filename*=rows.csv", "export"),
        ('attachment; filename*0="ro"; filename*1="ws.csv"', "rows.csv"),
        ('attachment; filename="=?utf-8?B?csO2d3MuY3N2?="', "röws.csv"),
        ('attachment; filename="=?no-such?B?csO2?="', "=_no-such_B_csO2_="),
        ("attachment; xfilename=rows.csv", "export"),
        ("attachment; filename=", "export"),
    ],
)
def test_names_as_the_world_writes_them(disposition: str, name: str) -> None:
    """Each is in use somewhere."""
    assert name_of(URL, disposition) == name


@given(header_text.map(lambda text: f"attachment; filename={text}") | header_text)
def test_a_name_is_always_one_component(disposition: str) -> None:
    """Whatever is sent, the name is text, fits, and is no place."""
    name = name_of(URL, disposition)

    assert 0 < len(name.encode()) <= 200
    assert not re.search(r"[/\\\x00-\x1f]", name)
    assert name not in (".", "..")


CONTENT = b"id\tname\n" * 50


def taken_off(data: bytes, value: str, name: str = "a.tsv") -> bytes:
    """The file that comes of `data` under this Content-Encoding."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "part")
        path.write_bytes(data)
        return take_off(path, codings_of(value), name, 10**6).read_bytes()


@pytest.mark.parametrize("value", ["", " ", ",", "identity", "utf-8", "aws-chunked", "none", "binary, , IDENTITY", "text/plain"])
def test_what_is_no_packing_leaves_the_file(value: str) -> None:
    """Empty, unknown or listed: the bytes are the file."""
    assert taken_off(CONTENT, value) == CONTENT


@given(st.lists(st.sampled_from(["gzip", "x-gzip", "deflate", "GZIP", "identity", "aws-chunked", "", "bare"]), max_size=4))
def test_packings_are_taken_off_in_reverse(codings: list[str]) -> None:
    """The last one that was applied comes off first, among those that change nothing."""
    data = CONTENT
    for coding in codings:
        match coding.lower():
            case "gzip" | "x-gzip":
                data = gzip.compress(data)
            case "deflate":
                data = zlib.compress(data)
            case "bare":
                packer = zlib.compressobj(wbits=-15)
                data = packer.compress(data) + packer.flush()

    assert taken_off(data, ", ".join(codings).replace("bare", "deflate")) == CONTENT


def test_a_gz_keeps_its_own_packing() -> None:
    """It is packed once by itself, and perhaps once more on the way."""
    packed = gzip.compress(CONTENT)

    assert taken_off(packed, "gzip", "a.tsv.gz") == packed
    assert taken_off(gzip.compress(packed), "gzip", "a.tsv.gz") == packed
    assert taken_off(packed, "gzip", "a.tsv") == CONTENT


@pytest.mark.parametrize("value", ["br", "zstd", "gzip, br", "compress"])
def test_packings_that_nobody_asked_for_are_refused(value: str) -> None:
    """They are named."""
    with pytest.raises(DumpRefused, match="not asked for"):
        taken_off(CONTENT, value)


@pytest.mark.parametrize("value", ["gzip", "deflate"])
def test_a_packing_that_is_none_or_cut_is_refused(value: str) -> None:
    """A part of a packed file is not the file; an empty file is."""
    packed = gzip.compress(CONTENT) if value == "gzip" else zlib.compress(CONTENT)

    assert taken_off(b"", value) == b""
    for data in (b"\xff" + CONTENT, packed[:-9]):
        with pytest.raises(DumpRefused, match="can't be unpacked"):
            taken_off(data, value)


def test_a_bomb_on_the_way_is_refused() -> None:
    """The limit of a file holds for what it unpacks to."""
    for value, packed in (("gzip", gzip.compress(bytes(2 * 10**6))), ("deflate", zlib.compress(bytes(2 * 10**6)))):
        with pytest.raises(DumpRefused, match="limit"):
            taken_off(packed, value)


def test_unknown_packings_are_named() -> None:
    """So that the log can say that the file was taken as it came."""
    assert unknown(codings_of("gzip;q=0.5, utf-8, identity, x-odd")) == ("utf-8", "x-odd")
