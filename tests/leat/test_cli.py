"""What the command line does without a hub, and how it ends."""

import json
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grimp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from domain.errors import Unavailable
from domain.jobs.jobs import JOBS
from domain.masking import masked
from events.catalogue import QUEUES
from leat.cli import COMMANDS, main
from leat.cli.bars import state_of
from leat.cli.check import check_hub
from leat.cli.client import data_of
from leat.cli.exits import Ended, Exit
from leat.cli.jobs import FOUND_BY
from leat.cli.logs import _tell_gap
from leat.cli.output import table
from leat.settings import Settings, load
from leat.wiring import open_hub
from tests.leat.hubs import COMMAND, ROOT, plugin
from tests.workers.test_plugin_environments import wheel


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """How the command line ends within this process, and what it says."""
    try:
        code: object = main(words)
    except SystemExit as ended:
        code = ended.code
    told = capsys.readouterr()
    return int(str(code)), told.out + told.err


def test_dropped_lines_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Between two lines of an attempt whose numbers don't follow; not between attempts, nor where only some were searched for."""
    first, last = {"attempt": 1, "number": 10}, {"attempt": 1, "number": 15}
    _tell_gap({}, last, None)
    _tell_gap(first, last, "text")
    _tell_gap(last, {"attempt": 2, "number": 40}, None)
    _tell_gap(first, {"attempt": 1, "number": 11}, None)
    assert capsys.readouterr().err == ""
    _tell_gap(first, last, None)
    assert "4 lines were dropped here" in capsys.readouterr().err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`leat --help` names every command and the exit codes."""
    code, told = said(capsys, "--help")

    assert code == Exit.DONE
    assert all(command in told for command in COMMANDS)
    assert "exit codes" in told


@pytest.mark.parametrize("words", [(), ("release",)])
def test_without_a_command_the_commands_are_shown(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    """All of `leat`, or all of a noun, with what each does."""
    with pytest.raises(SystemExit) as ended:
        main(words)

    told = capsys.readouterr().err
    assert ended.value.code == Exit.USAGE
    assert all(command in told for command in (("list", "accept", "rollback") if words else COMMANDS))


def test_help_imports_little(empty: Path) -> None:
    """`leat --help` starts fast because it imports no library of ours or others: not even asyncio."""
    program = COMMAND[-1].replace("sys.exit(main())", "main(['build', '--help'])")
    watched = f"import sys, atexit\natexit.register(lambda: print(*sorted(sys.modules)))\n{program}"
    ended = subprocess.run([COMMAND[0], "-c", watched], capture_output=True, text=True, check=False, cwd=empty)

    loaded = set(ended.stdout.split())
    assert "argparse" in loaded
    assert not loaded & {"asyncio", "aiohttp", "rich", "pydantic", "msgspec", "structlog", "domain", "gateway"}


def test_no_command_knows_the_others_dispatcher() -> None:
    """The table names modules, each of which is imported when its command is asked for: none of them imports the table."""
    assert grimp.build_graph("leat").find_modules_that_directly_import("leat.cli") == {"leat.__main__"}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """Every command says what it does and takes."""
    code, told = said(capsys, command, "--help")

    assert code == Exit.DONE
    assert told.startswith(f"usage: leat {command}")


def test_headers_of_tables_are_words(capsys: pytest.CaptureFixture[str]) -> None:
    """A column's name is that of its field, read as people write it."""
    table([{"job": "1", "createdAt": None, "MiB": 5}], ("job", "createdAt", "MiB"))

    assert capsys.readouterr().out == "JOB  CREATED AT  MIB\n1    -           5\n"


@pytest.mark.parametrize(
    ("job", "told"),
    [
        ({"state": "QUEUED", "waitingFor": "1-2"}, "queued, waits for job 1-2"),
        ({"state": "QUEUED", "failures": 1, "notBefore": "2026-01-02T03:04:05"}, "queued, after 1 failure, due at 03:04:05"),
        (
            {"state": "QUEUED", "notBefore": "2026-01-02T03:04:05", "error": {"message": "the disk of /d is full:\n1 byte"}},
            "queued, due at 03:04:05: the disk of /d is full:",
        ),
        ({"state": "RUNNING", "failures": 1, "notBefore": "2026-01-02T03:04:05"}, "running, after 1 failure"),
        ({"state": "QUEUED", "held": "at most 1 at once for each person"}, "queued, held: at most 1 at once for each person"),
        ({"state": "RUNNING"}, "running"),
        ({"state": "RUNNING", "failures": 2, "losses": 1}, "running, after 2 failures and 1 lost worker"),
        ({"outcome": "SUCCEEDED", "failures": 2}, "done"),
        ({"outcome": "CANCELED"}, "cancelled"),
    ],
)
def test_states_are_told_in_words(job: dict[str, Any], told: str) -> None:
    """What a step waits for and how often it failed; numbers of attempts, which jump, are for fences."""
    whole = {
        "outcome": None,
        "state": "FINISHED",
        "failures": 0,
        "losses": 0,
        "waitingFor": "",
        "held": "",
        "notBefore": None,
    } | job

    assert state_of(whole) == told


def test_interrupted_while_it_starts(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C during the first second, while modules are imported, ends with 130 and no traceback."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("leat.cli.import_module", interrupted)

    assert said(capsys, "up") == (Exit.DETACHED, "")


def test_every_command_and_exit_code_is_documented() -> None:
    """docs/cli.md has every command, every noun's commands, and every exit code."""
    page = (ROOT / "docs" / "cli.md").read_text()

    assert [command for command in COMMANDS if f"`leat {command}" not in page] == []
    assert [exit.value for exit in Exit if f"| {exit.value} |" not in page] == []


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("fetch",),
        ("source",),
        ("source", "dump"),
        ("jobs", "--state", "LOST"),
        ("log", "j", "--tail", "0"),
        ("log", "j", "--tail=-1"),
        ("log", "j", "--attempt", "0"),
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    """A wrong command line ends with 2 and the usage."""
    code, told = said(capsys, *words)

    assert code == Exit.USAGE
    assert "usage" in told


@pytest.mark.parametrize(("words", "usage"), [(("jobs", "--foo"), "leat jobs "), (("source", "list", "more"), "leat source list ")])
def test_unknown_words_get_the_usage_of_their_command(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], usage: str
) -> None:
    """Not that of all commands."""
    code, told = said(capsys, *words)

    assert code == Exit.USAGE
    assert told.startswith(f"usage: {usage}")
    assert f"unrecognized arguments: {words[-1]}" in told


def test_flags_of_jobs_that_go_together(capsys: pytest.CaptureFixture[str]) -> None:
    """Those that the hub finds jobs by; others are refused in the command line's own words."""
    words = ("jobs", "--queue", "upload", "--url", "http://127.0.0.1:1", "--token", "t")
    alone, told = said(capsys, *words)
    together, _ = said(capsys, *words, "--state", "QUEUED")

    assert (alone, together) == (Exit.USAGE, Exit.UNREACHABLE)
    assert "--queue with --state" in told
    found_by = [{{"runId": "run_id"}.get(name, name) for name in names} for names in FOUND_BY]
    assert all(names in map(set, JOBS.kind.indexes) for names in found_by)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`leat --version` says which one is installed."""
    assert said(capsys, "--version") == (Exit.DONE, f"leat {version('leat')}\n")


@pytest.mark.parametrize("noun", ["source", "build", "api", "schedule"])
def test_an_edit_of_nothing(capsys: pytest.CaptureFixture[str], noun: str) -> None:
    """An edit that names nothing to change is told what it may name, before the hub is asked."""
    code, told = said(capsys, noun, "edit", "a", "--url", "http://127.0.0.1:1")
    some = {"source": "--disabled=no", "schedule": "--jitter=0.0"}.get(noun, "--automatic=no")
    asked, _ = said(capsys, noun, "edit", "a", some, "--url", "http://127.0.0.1:1", "--token", "t")

    assert (code, asked) == (Exit.USAGE, Exit.UNREACHABLE)
    assert f"usage: leat {noun} edit" in told
    assert "nothing to change" in told


@pytest.mark.parametrize(
    ("words", "meant"),
    [(("sorce", "list"), "source"), (("source", "lst"), "list"), (("jobs", "--state", "FINISH"), "FINISHED")],
)
def test_misspelt_words(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], meant: str) -> None:
    """What was probably meant is named."""
    code, told = said(capsys, *words)

    assert code == Exit.USAGE
    assert f"did you mean {meant!r}?" in told


@pytest.mark.parametrize("given", ["{a", "[]"])
def test_wrong_metadata(capsys: pytest.CaptureFixture[str], given: str) -> None:
    """What is no JSON object is told as that, without our own names."""
    code, told = said(capsys, "build", "add", "all", "genes", "--metadata", given)

    assert code == Exit.USAGE
    assert f"{given!r} is no JSON" in told


def test_options_before_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Options may stand before the command too."""
    code, told = said(capsys, "--token", "wrong", "--url=http://127.0.0.1:1", "source", "list")

    assert code == Exit.UNREACHABLE
    assert "http://127.0.0.1:1" in told


def test_wrong_setting(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong setting ends with 2, its name, its value, and what would do."""
    code, told = said(capsys, "up", "--bus", "kafka://host")

    assert code == Exit.USAGE
    assert "LEAT_BUS=kafka://host" in told
    assert "amqp:" in told


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("LEAT_DOCUMENT", "mongodb://host", "LEAT_DOCUMENT: there is no such setting; did you mean LEAT_DOCUMENTS?"),
        ("LEAT_FILES", "/srv/files", "LEAT_FILES=/srv/files: should begin with file: or s3:"),
        ("LEAT_PORT", "web", "LEAT_PORT=web: should be a whole number"),
        ("LEAT_KEEP_JOBS", "long", "LEAT_KEEP_JOBS=long: should be a number"),
        ("LEAT_KEEP_INDEXES", "0", "LEAT_KEEP_INDEXES=0: should be 1 or more"),
        ("LEAT_NAME", "My Hub", "LEAT_NAME=My Hub: should begin with a lower-case letter"),
        ("LEAT_TOKEN", " \t ", "LEAT_TOKEN: should not be blank"),
        ("LEAT_TOKEN_FILE", "/dev/null", "LEAT_TOKEN_FILE=/dev/null: the file is empty"),
        ("LEAT_TOKEN_FILE", "/nowhere", "LEAT_TOKEN_FILE=/nowhere: No such file or directory"),
    ],
)
def test_wrong_variables(
    capsys: pytest.CaptureFixture[str], empty: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    """A wrong or misspelt variable ends with 2, its name and what would do, and makes nothing."""
    monkeypatch.setenv(name, value)

    code, text = said(capsys, "up")

    assert code == Exit.USAGE
    assert told in text
    assert "input" not in text
    assert list(empty.iterdir()) == []


def test_foreign_variables_are_left_alone(capsys: pytest.CaptureFixture[str], empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has our prefix and is like none of our settings is somebody else's."""
    monkeypatch.setenv("LEAT_SERVICE_HOST", "10.0.0.1")

    assert "LEAT_SERVICE_HOST" not in said(capsys, "check", "--url", "http://127.0.0.1:1")[1]


@pytest.mark.parametrize(
    ("port", "url"),
    [
        ("bus", "amqp://guest:secret@localhost:1/"),
        ("records", "mongodb://guest:secret@localhost:1/?serverSelectionTimeoutMS=1"),
        ("documents", "mongodb://guest:secret@localhost:1/?serverSelectionTimeoutMS=1"),
        ("search", "http://guest:secret@localhost:1"),
    ],
)
async def test_a_server_that_is_away(tmp_path: Path, port: str, url: str) -> None:
    """A hub does not start, and one line says why: the setting, the URL without its password, and what to do."""
    with pytest.raises(Unavailable) as refused:
        async with open_hub(load(data=tmp_path, **{port: url})):
            pass

    told = refused.value.message
    assert f"LEAT_{port.upper()}={url.replace('secret', '***')} can't be used" in told
    assert f"start that server, or set LEAT_{port.upper()}" in told
    assert not any(raw in told for raw in ("\n", "Errno", "ssl:", "timeouts", "Multiple", "Connect call"))


def test_secrets_of_a_url_are_not_shown() -> None:
    """Neither a password nor what an object store's parameters hold."""
    assert masked("amqp://guest:secret@host/vhost") == "amqp://guest:***@host/vhost"
    assert masked("s3://bucket/p?region=x&aws_secret_access_key=y") == "s3://bucket/p?region=x&aws_secret_access_key=***"
    assert masked("file:///folder") == "file:///folder"


def test_no_hub_on_the_data_folder(capsys: pytest.CaptureFixture[str], empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a URL a hub is looked for where one would listen with these settings; what is told names both, and `leat up`."""
    monkeypatch.setenv("LEAT_HOST", "0.0.0.0")
    monkeypatch.setenv("LEAT_PORT", "1")

    code, told = said(capsys, "source", "list", "--token", "t")

    assert code == Exit.UNREACHABLE
    assert told == (
        "leat: no hub runs at http://127.0.0.1:1 (data folder .leat): start it with `leat up`, "
        "or name where it is with --url or LEAT_DATA\n"
    )


def test_no_hub(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a hub a command ends with 4 and says where it looked."""
    code, told = said(capsys, "source", "list", "--token", "t", "--url", "http://127.0.0.1:1")

    assert code == Exit.UNREACHABLE
    assert "http://127.0.0.1:1" in told


@pytest.mark.parametrize("url", ["foo", "127.0.0.1:8000", "ftp://x", "http://127.0.0.1:8000/graphql"])
def test_a_url_that_is_none(capsys: pytest.CaptureFixture[str], url: str) -> None:
    """A gateway's address that has no scheme, another one, or a path, is wrong usage."""
    code, told = said(capsys, "jobs", "--token", "t", "--url", url)

    assert code == Exit.USAGE
    assert f"such as http://127.0.0.1:8000, without a path, not {url!r}" in told


def test_no_token(capsys: pytest.CaptureFixture[str], empty: Path) -> None:
    """Without a token a command ends with 5 and says where one could be."""
    code, told = said(capsys, "source", "list")

    assert code == Exit.UNAUTHENTICATED
    assert "LEAT_TOKEN" in told
    assert "leat up" in told


def test_check_without_a_hub(capsys: pytest.CaptureFixture[str], empty: Path) -> None:
    """`leat check` without a hub says so, and makes nothing."""
    code, told = said(capsys, "check", "--url", "http://127.0.0.1:1", "--bus", "amqp://guest:secret@127.0.0.1:1/")

    assert code == Exit.UNREACHABLE
    assert "nothing answers at http://127.0.0.1:1" in told
    assert "amqp://guest:***@127.0.0.1:1/ can't be reached" in told
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "reason", "plugins", "code"),
    [
        ("auto", "", "run in a sandbox here", Exit.DONE),
        ("on", "", "run in a sandbox here", Exit.DONE),
        ("auto", "no namespaces", "run without a sandbox here: no namespaces", Exit.DONE),
        ("on", "no namespaces", "run without a sandbox here: no namespaces", Exit.FAILED),
        ("off", "", "run without a sandbox here, by LEAT_PLUGIN_SANDBOX=off", Exit.DONE),
    ],
)
async def test_check_tells_of_the_sandbox(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, setting: str, reason: str, plugins: str, code: Exit
) -> None:
    """Whether plugins have one on this machine, or why not; that is a failure only where there has to be one."""
    monkeypatch.setattr("leat.cli.check.reason_against", lambda: reason)

    async def ready(_: web.Request) -> web.Response:
        return web.json_response({"ports": {"records": "ok"}})

    application = web.Application()
    application.router.add_get("/health/ready", ready)

    async with TestServer(application) as server:
        ended = await check_hub(Settings(plugin_sandbox=setting), str(server.make_url("")).rstrip("/"), json=True)

    assert json.loads(capsys.readouterr().out) == {"gateway": "OK", "records": "OK", "plugins": plugins}
    assert ended == code


def test_workers_alone_need_a_bus(capsys: pytest.CaptureFixture[str], empty: Path) -> None:
    """`leat work` refuses the embedded bus and says what to set."""
    code, told = said(capsys, "work", "upload")

    assert code == Exit.USAGE
    assert "LEAT_BUS=amqp://" in told


def test_unknown_queue(capsys: pytest.CaptureFixture[str], empty: Path) -> None:
    """`leat work` names the queues that there are."""
    code, told = said(capsys, "work", "uploads", "--bus", "amqp://127.0.0.1:1/")

    assert code == Exit.USAGE
    assert ", ".join(QUEUES) in told


def test_plugin_check(capsys: pytest.CaptureFixture[str], empty: Path) -> None:
    """`leat source check` parses a plugin's first documents, without a hub and without leaving anything."""
    assert main(["source", "check", str(plugin(empty, rows=5)), "--documents", "2", "--json"]) == Exit.DONE

    found = json.loads(capsys.readouterr().out)
    assert found["parts"][0]["documents"] == 2
    assert found["parts"][0]["first"] == "gene0"
    assert found["files"] == ["rows.tsv"]
    assert [path.name for path in empty.iterdir()] == ["genes"]


def test_plugin_check_leaves_files_alone(capsys: pytest.CaptureFixture[str], empty: Path) -> None:
    """A parser that writes to its input and to its own code changes neither the files of `--files` nor the plugin's folder."""
    spoiling = """    for path in (os.path.join(data_folder, "rows.tsv"), __file__):
        with open(os.path.realpath(path), "a") as file:
            file.write("#more\\tlines\\n")
"""
    home = plugin(empty, rows=3, body=spoiling)
    (empty / "mine").mkdir()
    (empty / "mine/rows.tsv").write_text("gene1\tone\n")
    before = {path: path.read_bytes() for path in empty.rglob("*") if path.is_file()}

    code, told = said(capsys, "source", "check", str(home), "--files", str(empty / "mine"))

    assert (code, "Traceback" in told) == (Exit.DONE, False)
    assert {path: path.read_bytes() for path in empty.rglob("*") if path.is_file()} == before


def test_plugin_check_of_given_files_asks_for_no_release(capsys: pytest.CaptureFixture[str], empty: Path) -> None:
    """The release of `--files` is nobody's to say: its function may need the source's server."""
    home = plugin(empty, rows=1)
    (home / "version.py").write_text("def get_release(self):\n    raise OSError('no network')\n")

    assert said(capsys, "source", "check", str(home), "--files", str(home / "data"))[0] == Exit.DONE
    assert said(capsys, "source", "check", str(home))[0] == Exit.FAILED


def test_plugin_check_uses_an_environment_again(
    capsys: pytest.CaptureFixture[str], empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a plugin requires is installed at the first check, and found by the next."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(empty / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    home = plugin(empty, rows=1)
    required = wheel(empty / "wheels", "leat_checked_package", "VALUE = 7")
    manifest = json.loads((home / "manifest.json").read_text())
    (home / "manifest.json").write_text(json.dumps(manifest | {"requires": [required]}))

    told = [said(capsys, "source", "check", str(home)) for _ in range(2)]

    assert [code for code, _ in told] == [Exit.DONE] * 2
    assert ["making an environment" in text for _, text in told] == [True, False]


def test_plugin_check_finds_shared_modules(
    capsys: pytest.CaptureFixture[str], empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the folder that the manifest names, or else the setting."""
    home = plugin(empty, rows=1, body="    from words import WORD\n    yield {'_id': WORD}")
    for folder in ("ours", "theirs"):
        (empty / folder).mkdir()
        (empty / folder / "words.py").write_text(f"WORD = {folder!r}")
    monkeypatch.setenv("LEAT_PLUGIN_MODULES", str(empty / "theirs"))
    by_setting = said(capsys, "source", "check", str(home), "--json")[1]
    manifest = json.loads((home / "manifest.json").read_text())
    (home / "manifest.json").write_text(json.dumps(manifest | {"modules": "../ours"}))
    by_manifest = said(capsys, "source", "check", str(home), "--json")[1]

    assert '"first": "theirs"' in by_setting
    assert '"first": "ours"' in by_manifest


def test_plugin_check_of_a_broken_parser(capsys: pytest.CaptureFixture[str], empty: Path) -> None:
    """A parser that raises ends with 1 and its own traceback; what the manifest warns of may be why."""
    home = plugin(empty, body="    raise ValueError('no such column')")
    manifest = json.loads((home / "manifest.json").read_text())
    (home / "manifest.json").write_text(json.dumps(manifest | {"dumper": {**manifest["dumper"], "uncompres": True}}))

    code, told = said(capsys, "source", "check", str(home))

    assert code == Exit.FAILED
    assert "did you mean `uncompress`?" in told
    assert "no such column" in told
    assert "parser.py" in told


def test_plugin_check_of_duplicates(capsys: pytest.CaptureFixture[str], empty: Path) -> None:
    """An `_id` that occurs twice is refused as the upload would refuse it, unless the manifest allows it."""
    home = plugin(empty, rows=2, body="    yield {'_id': 'gene1'}")

    code, told = said(capsys, "source", "check", str(home))
    (home / "manifest.json").write_text((home / "manifest.json").read_text().replace('"error"', '"merge"'))

    assert code == Exit.FAILED
    assert "part genes: the _id 'gene1' occurs more than once among the first 3 documents" in told
    assert "on_duplicates: merge" in told
    assert said(capsys, "source", "check", str(home))[0] == Exit.DONE


def test_plugin_check_of_no_plugin(capsys: pytest.CaptureFixture[str], empty: Path) -> None:
    """A folder without a manifest ends with 3 and says what was looked for."""
    code, told = said(capsys, "source", "check", str(empty))

    assert code == Exit.REFUSED
    assert "manifest.json" in told


def test_plugin_check_of_a_wrong_manifest(capsys: pytest.CaptureFixture[str], empty: Path) -> None:
    """What is wrong is said once, with file and key."""
    manifest = plugin(empty) / "manifest.json"
    manifest.write_text(json.dumps({"dumper": {"data_url": "sftp://example.org/a"}}))

    code, told = said(capsys, "source", "check", "genes")

    assert code == Exit.REFUSED
    assert told.startswith("leat: manifest.json: dumper.data_url: 'sftp://")
    assert told.count("data_url") == told.count("manifest.json") == 1


def test_schema(capsys: pytest.CaptureFixture[str], empty: Path) -> None:
    """`leat schema` writes both contracts, and `--check` tells stale ones."""
    assert said(capsys, "schema", "--check")[0] == Exit.FAILED

    assert said(capsys, "schema")[0] == Exit.DONE

    assert {path.name for path in empty.iterdir()} == {"schema.graphql", "messages.json"}
    assert said(capsys, "schema", "--check")[0] == Exit.DONE


def test_a_hub_of_another_version_is_suspected() -> None:
    """Where it knows less than the command asks for: during an upgrade the hub that still runs is an older one."""
    error = {"message": "Cannot query field 'moons' on type 'Planet'.", "extensions": {"code": "GRAPHQL_INVALID", "requestId": "r"}}

    with pytest.raises(Ended, match=r"another version of Leat\? Cannot query field 'moons'") as ended:
        data_of({"errors": [error]})

    assert ended.value.exit == Exit.UNREACHABLE
