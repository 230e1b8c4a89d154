"""Files, chunks and small tests, under the names of the SDK's `biothings.utils.common`."""

import bz2
import glob
import gzip
import hashlib
import io
import itertools
import lzma
import os
import random
import shutil
import string
import tarfile
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Path = str | os.PathLike[str]


def is_int(value: Any) -> bool:
    """Whether it can be read as an integer."""
    try:
        int(value)
    except (TypeError, ValueError):
        return False
    return True


def is_float(value: Any) -> bool:
    """Whether it can be read as a number with a fraction."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def is_str(value: Any) -> bool:
    """Whether it is text."""
    return isinstance(value, str)


def is_seq(value: Any) -> bool:
    """Whether it is a list or a tuple."""
    return isinstance(value, list | tuple)


def is_filehandle(value: Any) -> bool:
    """Whether it is an open file."""
    return isinstance(value, io.IOBase)


def anyfile(infile: Any, mode: str = "r") -> Any:
    """Open a file that may be packed (.gz, .bz2, .xz, .zip), as text unless `mode` has a b. A tuple is (zip file, member)."""
    member = ""
    if isinstance(infile, tuple):
        infile, member = infile
    path = os.fspath(infile)
    binary = "b" in mode
    kind = mode.replace("b", "").replace("t", "").replace("U", "") or "r"
    full = kind + ("b" if binary else "t")
    if path.endswith(".gz"):
        return gzip.open(path, full, **_text(binary))
    if path.endswith((".xz", ".lzma")):
        return lzma.open(path, full, **_text(binary))
    if path.endswith(".bz2"):
        return bz2.open(path, full, **_text(binary))
    if path.endswith(".zip"):
        raw = zipfile.ZipFile(path).open(member or _only_member(path))  # noqa: SIM115 (handed to the caller)
        return raw if binary else io.TextIOWrapper(raw, encoding="utf-8")
    return open(path, full, **_text(binary))


open_anyfile = anyfile
"""An open file closes itself at the end of a `with`."""
open_compressed_file = anyfile


def safewfile(filename: Path, prompt: bool = True, default: str = "C", mode: str = "w") -> tuple[Any, Path]:
    """A file opened for writing, and its name; nobody is asked whether it may be replaced."""
    return open(filename, mode, **_text("b" in mode)), filename


def iter_n(iterable: Iterable[Any], n: int, with_cnt: bool = False) -> Iterator[Any]:
    """Tuples of up to n items; with a running count where asked for."""
    iterator = iter(iterable)
    count = 0
    while chunk := tuple(itertools.islice(iterator, n)):
        count += len(chunk)
        yield (chunk, count) if with_cnt else chunk


def filter_dict(d: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Only those keys."""
    wanted = set(keys)
    return {key: value for key, value in d.items() if key in wanted}


def list2dict(a_list: Iterable[Any], keyitem: Any, alwayslist: bool = False) -> dict[Any, Any]:
    """Rows by one of their columns; rows that share it in a list."""
    found: dict[Any, list[Any]] = {}
    for row in a_list:
        items = list(row)
        key = items.pop(keyitem)
        found.setdefault(key, []).append(items[0] if len(items) == 1 else tuple(items))
    return {key: rows if alwayslist or len(rows) > 1 else rows[0] for key, rows in found.items()}


def get_dotfield_value(dotfield: str, d: Mapping[str, Any]) -> Any:
    """The value at a dotted path."""
    value: Any = d
    for name in dotfield.split("."):
        value = value[name]
    return value


def traverse(obj: Any, leaf_node: bool = False) -> Iterator[tuple[Any, Any]]:
    """(dotted path, value) of everything within, leaves only where asked for."""
    pending: list[tuple[Any, Any]] = [("", obj)]
    while pending:
        path, value = pending.pop()
        if not leaf_node or not isinstance(value, dict | list):
            yield path, value
        if isinstance(value, dict):
            pending += [(f"{path}.{key}" if path else key, inner) for key, inner in value.items()]
        elif isinstance(value, list):
            pending += [(path, inner) for inner in value]


def split_ids(q: str) -> list[str]:
    """Words of a text, separated by spaces, commas or plus signs; quoted ones whole."""
    return [word for word in q.replace(",", " ").replace("+", " ").split() if word]


def timesofar(t0: float, clock: int = 0, t1: float | None = None) -> str:
    """The time since t0 in words."""
    seconds = int((t1 if t1 is not None else time.process_time() if clock else time.time()) - t0)
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return " ".join(f"{number}{unit}" for number, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if number) or "0s"


def get_timestamp() -> str:
    """Today as YYYYMMDD."""
    return time.strftime("%Y%m%d")


def get_random_string() -> str:
    """Eight letters and digits."""
    return "".join(random.choice(string.ascii_lowercase + string.digits) for _ in range(8))


def md5sum(fname: Path) -> str:
    """The MD5 of a file, in hex."""
    with open(fname, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def file_newer(source: Path, target: Path) -> bool:
    """Whether source was changed after target, or target is missing."""
    return not os.path.exists(target) or os.stat(source).st_mtime > os.stat(target).st_mtime


def addsuffix(filename: str, suffix: str, noext: bool = False) -> str:
    """The file name with a suffix before its ending."""
    stem, ending = os.path.splitext(filename)
    return stem + suffix + ("" if noext else ending)


def rmdashfr(top: Path) -> None:
    """Remove a folder and all in it."""
    shutil.rmtree(top, ignore_errors=True)


def unzipall(folder: Path, pattern: str = "*.zip") -> None:
    """Unpack every zip file of a folder into it."""
    for path in _matching(folder, pattern):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)


def untargz(filename: Path, folder: Path | None = None) -> None:
    """Unpack one tar file, packed or not, into its own folder or another."""
    with tarfile.open(filename) as archive:
        archive.extractall(folder or os.path.dirname(filename) or ".", filter="data")


def untargzall(folder: Path, pattern: str = "*.tar.gz") -> None:
    """Unpack every tar.gz of a folder into it."""
    for path in _matching(folder, pattern):
        untargz(path, folder)


def untarall(folder: Path, pattern: str = "*.tar") -> None:
    """Unpack every tar of a folder into it."""
    untargzall(folder, pattern)


def gunzip(f: str, pattern: str = "*.gz") -> None:
    """Unpack one gz file beside itself."""
    with gzip.open(f, "rb") as stream:
        _unpacked(f, stream)


def gunzipall(folder: Path, pattern: str = "*.gz") -> None:
    """Unpack every gz of a folder, tar files apart."""
    for path in _matching(folder, pattern):
        if not path.endswith(".tar.gz"):
            gunzip(path)


def unxzall(folder: Path, pattern: str = "*.xz") -> None:
    """Unpack every xz of a folder; tar.xz into the folder."""
    for path in _matching(folder, pattern):
        if path.endswith(".tar.xz"):
            untargz(path, folder)
        else:
            with lzma.open(path, "rb") as stream:
                _unpacked(path, stream)


def uncompressall(folder: Path) -> None:
    """Unpack what a folder holds: zip, tar.gz, gz, xz, in that order; the packed files stay."""
    unzipall(folder)
    untargzall(folder)
    gunzipall(folder)
    unxzall(folder)


def _matching(folder: Path, pattern: str) -> list[str]:
    return sorted(glob.glob(os.path.join(glob.escape(os.fspath(folder)), pattern)))


def _unpacked(path: str, stream: Any) -> None:
    with open(os.path.splitext(path)[0], "wb") as file:
        shutil.copyfileobj(stream, file)


def _only_member(path: str) -> str:
    """The member named as the zip file is, as the SDK has it, or else the only one."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    stem = os.path.splitext(os.path.basename(path))[0]
    return stem if stem in names or len(names) != 1 else names[0]


def _text(binary: bool) -> dict[str, Any]:
    return {} if binary else {"encoding": "utf-8"}
