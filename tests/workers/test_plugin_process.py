"""Plugins that misbehave: each ends in an error that says what happened, and leaves nothing behind."""

import asyncio
import fcntl
import os
import sys
import zipfile
from contextlib import aclosing, suppress
from pathlib import Path
from uuid import uuid4

import pytest

from domain.errors import DiskFull, JobFailed, JobTimedOut, Unavailable
from domain.hub import Limits
from tests.workers import parsing
from tests.workers.parsing import ended, parse, ready, running, uploading

HEAD = "import ctypes, os, signal, sys, time\ndef load_data(folder):\n    yield {'_id': 'a'}\n    "
ENDS = {
    "raises": ("raise ValueError('column 7 is no number')", "ValueError: column 7 is no number", "PLUGIN_FAILED"),
    "exits": ("sys.exit(3)", r"the plugin called sys.exit\(3\)", "PLUGIN_FAILED"),
    "interrupts": ("raise KeyboardInterrupt", "KeyboardInterrupt", "PLUGIN_FAILED"),
    "ends its process": ("os._exit(0)", "ended before it answered: .* or called os._exit", "PLUGIN_DIED"),
    "ends it with a code": ("os._exit(3)", "ended by itself with exit code 3", "PLUGIN_DIED"),
    "closes its descriptors": ("os.closerange(3, 1000)", "ended before it answered: it closed the channel", "PLUGIN_DIED"),
    "closes them and goes on": ("os.closerange(3, 1000)\n    time.sleep(1000)", "closed the channel .* and went on", "PLUGIN_DIED"),
    "breaks its memory": ("ctypes.string_at(0)", "SIGSEGV", "PLUGIN_DIED"),
    "kills itself": ("os.kill(os.getpid(), signal.SIGKILL)", "was killed", "PLUGIN_DIED"),
    "takes all memory": ("x = ['y' * 2**20 for n in range(10**6)]", "LEAT_PLUGIN_MEMORY", "PLUGIN_MEMORY"),
    "recurses": ("f = lambda: f()\n    f()", "RecursionError", "PLUGIN_FAILED"),
}


pytestmark = [pytest.mark.usefixtures("sandbox"), pytest.mark.parametrize("sandbox", ["off", "on"], indirect=True)]
"""All of it holds in the sandbox and without it."""


@pytest.mark.parametrize(("line", "said", "code"), ENDS.values(), ids=ENDS.keys())
async def test_a_parser_that_does_not_end_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, said: str, code: str
) -> None:
    """The error says how it ended; documents that came before are no success."""
    if "sleep" in line:
        monkeypatch.setattr("workers.plugin.process.LAST_WORDS", 0.2)
    limits = Limits(plugin_memory=512 * 2**20)
    with pytest.raises(JobFailed, match=said) as caught:
        await parse(tmp_path, HEAD + line, limits=limits)
    assert caught.value.code == code


@pytest.mark.parametrize("wrapped", ["", "    except OSError as error:\n        raise ValueError('row 7') from error"])
async def test_a_plugin_that_fills_the_disk(tmp_path: Path, wrapped: str) -> None:
    """That is an outage, which is waited for, and no mistake of the plugin, also where a library gives it another name."""
    write = "with open('/dev/full', 'w') as file:\n            file.write('x' * 10**6)"
    line = f"try:\n        {write}\n{wrapped or '    finally: pass'}"

    with pytest.raises(DiskFull, match=r"the disk of .* is full: .* are free, more is needed") as caught:
        await parse(tmp_path, HEAD + line)

    assert "No space left on device" in caught.value.detail


async def test_the_traceback_is_the_plugins(tmp_path: Path) -> None:
    """Frames of the plugin by its own paths, causes too, none of ours."""
    files = {
        "parser.py": """
            from .deep import number
            def load_data(folder):
                try:
                    yield {"_id": number("x")}
                except ValueError as error:
                    raise RuntimeError("line 12 of data.tsv") from error
        """,
        "deep.py": "def number(text):\n    return int(text)\n",
    }
    with pytest.raises(JobFailed, match="RuntimeError: line 12") as caught:
        await parse(tmp_path, files)
    lines = [line for line in caught.value.detail.splitlines() if line.startswith("  ") and ", line " in line]
    assert lines == [
        "  demo/parser.py, line 5, in load_data",
        "  demo/deep.py, line 2, in number",
        "  demo/parser.py, line 7, in load_data",
    ]
    assert "ValueError: invalid literal for int()" in caught.value.detail


async def test_a_syntax_error_is_shown(tmp_path: Path) -> None:
    """A parser that can't be compiled is shown where."""
    with pytest.raises(JobFailed, match=r"SyntaxError: .*; in demo/parser.py, line 1$") as caught:
        await parse(tmp_path, "def load_data(folder)\n    yield {}\n")
    assert '  File "demo/parser.py", line 1' in caught.value.detail
    assert str(tmp_path) not in caught.value.detail


HINTS = {
    "a hub's module": ("from utils.lookups import x", "utils.lookups is a module of the hub that the plugin was written for"),
    "a package": ("import rapidjson.deep", "name the package that brings rapidjson in the manifest's `requires`"),
    "its own module": ("from .absent import x", "ModuleNotFoundError: No module named 'plugins.demo.absent'$"),
    "a file": (
        "open(folder + '/genes.tsv')",
        r"file or directory: 'genes.tsv'; the dump has a.zip, b.tsv; packed .*`uncompress`$",
    ),
    "another file": ("open('/absent')", r"No such file or directory: '/absent'$"),
    "a member": ("import zipfile; zipfile.ZipFile(folder + '/a.zip').open('y')", r"no item named 'y' .*; a.zip has x.tsv$"),
}


@pytest.mark.parametrize(("line", "said"), HINTS.values(), ids=HINTS.keys())
async def test_what_is_missing_is_named(tmp_path: Path, line: str, said: str) -> None:
    """What a parser looked for in vain is told with what there is, or with what brings it."""
    (tmp_path / "data").mkdir()
    with zipfile.ZipFile(tmp_path / "data" / "a.zip", "w") as archive:
        archive.writestr("x.tsv", "1")
    with pytest.raises(JobFailed, match=said):
        await parse(tmp_path, f"def load_data(folder):\n    {line}\n    yield {{}}\n", data={"b.tsv": ""})


@pytest.mark.parametrize(
    "line", ["while True: pass", "time.sleep(1000)", "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); time.sleep(99)"]
)
async def test_a_parser_without_end_runs_out_of_time(tmp_path: Path, line: str) -> None:
    """It is ended when its time is over, whatever it does."""
    with pytest.raises(JobTimedOut, match=r"longer than 0.7 s \(LEAT_PLUGIN_TIMEOUT\)"):
        await parse(tmp_path, HEAD + line, limits=Limits(plugin_timeout=0.7))


async def test_what_a_plugin_prints_is_its_log(tmp_path: Path) -> None:
    """Prints, logging, warnings, stderr and raw writes to fd 1 are lines of the log, and never documents."""
    parser = """
        import logging, os, subprocess, sys
        from biothings import config
        def load_data(folder):
            print("hello")
            logging.warning("careful")
            config.logger.info("from the hub")
            print("to stderr", file=sys.stderr)
            sys.stdout.flush()
            os.write(1, b"D\\x00\\x00\\x00\\x05\\xff\\n")
            subprocess.run(["echo", "from a child"], check=True)
            assert sys.stdin.read() == ""
            yield {"_id": "a"}
    """
    tried = await parse(tmp_path, parser)
    assert tried.documents == [{"_id": "a"}]
    assert {("info", "hello"), ("warning", "WARNING: careful"), ("info", "INFO: from the hub")} <= set(tried.lines)
    assert {"to stderr", "from a child"} <= set(tried.printed())


async def test_a_flood_of_prints_is_cut(tmp_path: Path) -> None:
    """A million lines cost the log two thousand, and nothing waits for them; a line has 2000 characters at most."""
    parser = "def load_data(folder):\n    print('x' * 10**6)\n    for n in range(300000): print(n)\n    yield {'_id': 'a'}"
    tried = await parse(tmp_path, parser)
    assert tried.documents == [{"_id": "a"}]
    assert len(tried.lines) == 2001
    assert len(tried.lines[0][1]) == 2000
    assert tried.lines[-1] == ("warning", "… the plugin printed 298001 more lines")


@pytest.mark.parametrize("garbage", [b"garbage", b"R\0\0\0\2{}"])
async def test_garbage_on_the_documents_descriptor(tmp_path: Path, garbage: bytes) -> None:
    """Who finds the descriptor and writes to it fails, and only itself."""
    parser = """
        import os
        def load_data(folder):
            for descriptor in range(3, 64):
                try:
                    os.write(descriptor, GARBAGE)
                except OSError:
                    pass
            yield {"_id": "a"}
    """
    with pytest.raises(JobFailed, match="descriptor that its documents leave by"):
        await parse(tmp_path, parser.replace("GARBAGE", repr(garbage)))


async def test_nothing_of_it_is_left(tmp_path: Path) -> None:
    """Processes that a plugin started end with it."""
    marks = [f"{1000 + n}.{uuid4().int}" for n in range(2)]
    parser = f"""
        import subprocess
        def load_data(folder):
            for mark in {marks}:
                subprocess.Popen(["sleep", mark])
            yield {{"_id": "a"}}
    """

    await parse(tmp_path, parser)

    await ended(*marks)


@pytest.mark.parametrize("end", ["ends", "fails", "is left", "loses its parent", "has no time"])
async def test_no_session_of_its_own_saves_a_process(tmp_path: Path, end: str) -> None:
    """What a plugin started ends with it although it left the plugin's session, or lost its parent, and however the call ends."""
    marks = [f"{1000 + n}.{uuid4().int}" for n in range(3)]
    parser = f"""
        import subprocess, sys, time
        def load_data(folder):
            subprocess.Popen(["sleep", "{marks[0]}"], start_new_session=True)
            subprocess.check_output(["sh", "-c", "setsid sleep {marks[1]} >/dev/null 2>&1 &"])
            subprocess.Popen(["sleep", "{marks[2]}"])
            yield {{"_id": "a", "x": "y" * 2**20}}
            if {end == "fails"}: raise ValueError("bad")
            if {end in ("is left", "loses its parent", "has no time")}: time.sleep(1000)
    """
    tried = await ready(tmp_path, {"parser.py": parser}, limits=Limits(plugin_timeout=3.0 if end == "has no time" else 60.0))
    fields = {"function": "parser:load_data", "keywords": {}, "limit": None}

    async with tried.plugin._process("parse", fields) as process:
        assert (await process.receive()).letter == b"D"
        if end == "loses its parent":
            process.lifeline.abort()
        if end != "is left":
            with suppress(JobFailed):
                await process.receive()

    await ended(*marks)


async def test_leaving_early_ends_the_process(tmp_path: Path) -> None:
    """Who stops listening, or is cancelled, leaves no process that parses on."""
    parser = """
        import fcntl
        from itertools import count
        held = open("held", "w")
        fcntl.flock(held, fcntl.LOCK_EX)
        def load_data(folder):
            for n in count():
                yield {"_id": str(n)}
    """
    tried = await ready(tmp_path, {"parser.py": parser})

    async with aclosing(tried.plugin.parse(tried.plugin.manifest.uploaders[0])) as stream:
        await anext(stream)

    [held] = (tmp_path / "home").rglob("held")
    with held.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody has it any more


WORKER = """
import asyncio, sys
from pathlib import Path
from tests.workers import parsing
parsing.SANDBOX = sys.argv[2]
asyncio.run(parsing.parse(Path(sys.argv[1]), sys.argv[3]))
"""


async def test_a_worker_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    """Not a chance to tidy up: what the plugin started, and it itself, end all the same."""
    mark = f"1000.{uuid4().int}"
    started = f"subprocess.Popen(['sleep', '{mark}'], start_new_session=True)"
    parser = f"import subprocess, time\ndef load_data(folder):\n    {started}\n    time.sleep(1000)\n    yield {{}}"
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, str(tmp_path), parsing.SANDBOX, parser)
    async with asyncio.timeout(20):
        while f"sleep\0{mark}" not in running():  # noqa: ASYNC110 (another process's start)
            await asyncio.sleep(0.02)

    worker.kill()

    await worker.wait()
    await ended(f"sleep\0{mark}")
    await ended(str(tmp_path))


async def test_leaving_after_the_process_is_plain(tmp_path: Path) -> None:
    """Who leaves because of an error of its own, such as a full disk, when the process has ended already, gets that error."""
    tried = await ready(tmp_path, {"parser.py": "def load_data(folder):\n    yield {'_id': 'a'}"})
    fields = {"function": "parser:load_data", "keywords": {}, "limit": None}
    with pytest.raises(Unavailable, match="full"):  # noqa: PT012 (what the context does with it is the point)
        async with tried.plugin._process("parse", fields) as process:
            assert (await process.receive()).letter == b"D"
            async with asyncio.timeout(20):
                while not process.lifeline.is_closing():  # noqa: ASYNC110 (another process's end)
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0)
            raise Unavailable("the disk is full")


async def test_a_parent_that_dies_takes_the_process_with_it(tmp_path: Path) -> None:
    """When stdin closes the process ends, even where it computes without end."""
    parser = "import os\ndef load_data(folder):\n    yield {'_id': 'x' * 100, 'y': 'z' * 2**20}\n    while True: pass"
    tried = await ready(tmp_path, {"parser.py": parser})
    fields = {"function": "parser:load_data", "keywords": {}, "limit": None}
    async with tried.plugin._process("parse", fields) as process:
        assert (await process.receive()).letter == b"D"
        process.lifeline.close()
        with pytest.raises(JobFailed, match="was killed"):
            await process.receive()


async def test_no_secret_reaches_a_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment holds a path, a home of its own and proxies, no secret of the hub; no package of ours can be imported."""
    monkeypatch.setenv("LEAT_TOKEN", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    parser = """
        import importlib.util, os
        def load_data(folder):
            found = [name for name in ("msgspec", "aiohttp", "workers", "domain", "leat") if importlib.util.find_spec(name)]
            yield {"_id": "a", "environment": sorted(os.environ), "found": found}
    """
    [document] = (await parse(tmp_path, parser)).documents
    assert document["found"] == []
    assert not {"LEAT_TOKEN", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH"} & set(document["environment"])


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
async def test_proxies_and_certificates_reach_a_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """As they hold for dumps; certificates by the names that Python's own library and requests read, wherever they are."""
    (tmp_path / "ours.pem").touch()
    monkeypatch.chdir(tmp_path)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "ours.pem")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "localhost")
    names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HTTPS_PROXY", "no_proxy")
    parser = f"""
        import os
        def load_data(folder):
            yield {{"_id": "a", **{{name: os.environ.get(name) for name in {names!r}}}}}
    """

    [document] = (await parse(tmp_path / "plugin", parser)).documents

    ours = str(tmp_path / "ours.pem")
    assert document == {
        "_id": "a",
        "SSL_CERT_FILE": ours,
        "REQUESTS_CA_BUNDLE": ours,
        "HTTPS_PROXY": "http://proxy:3128",
        "no_proxy": "localhost",
    }


async def test_a_mapping_function_gets_the_uploaders_class(tmp_path: Path) -> None:
    """As the SDK passes it, a class method's decorator included; what it returns is checked to be a dict."""
    files = {
        "manifest.json": uploading(mapping="mapping:custom_mapping"),
        "mapping.py": "@classmethod\ndef custom_mapping(cls):\n    return {cls.name: {'type': 'keyword'}}",
        "parser.py": "",
    }
    tried = await ready(tmp_path, files)
    assert await tried.plugin.mapping(tried.plugin.manifest.uploaders[0]) == {"demo": {"type": "keyword"}}


RELEASES = {
    "text": ("return '2024-02'", "2024-02"),
    "a number": ("return 42", "42"),
    "what the dumper knows": ("return self.SRC_NAME + self.SRC_URLS[0][-8:] + str(self.release)", "demodata.tsv2023-12"),
    "what the dumper's class knows": ("return type(self).SRC_NAME + self.__class__.SRC_URLS[0][-8:]", "demodata.tsv"),
    "of the release before": ("self.logger.info('x')\n    return self.src_doc['download']['release'] + '!'", "2023-12!"),
}


@pytest.mark.parametrize(("line", "release"), RELEASES.values(), ids=RELEASES.keys())
async def test_a_release_function_gets_a_dumper(tmp_path: Path, line: str, release: str) -> None:
    """It may look at names, URLs, folders and the release before."""
    manifest = uploading().replace('"data_url"', '"release": "version:get_release", "data_url"')
    tried = await ready(tmp_path, {"manifest.json": manifest, "version.py": f"def get_release(self):\n    {line}"})
    assert await tried.plugin.release("2023-12") == release
