"""The promises of the house: layers, imports that do nothing, artefacts that are true, lock files that name no registry."""

import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("events", "domain", "adapters", "workers", "gateway", "leat")
STANDALONE = ("workers.plugin.host", "workers.plugin.shim")
"""Run in a plugin's process, with none of our packages on the path: never imported."""


def modules() -> list[str]:
    """Every module of the six packages."""
    paths = [str(ROOT / package) for package in PACKAGES]
    names = list(PACKAGES)
    for package, path in zip(PACKAGES, paths, strict=True):
        names += [module.name for module in pkgutil.walk_packages([path], f"{package}.") if not module.name.startswith(STANDALONE)]
    return [name for name in names if not name.endswith("__main__")]


def test_arrows_point_down_only() -> None:
    """No module imports one of a layer above its own, or of a sibling package."""
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"

    # In a process of its own: the linter silences every logger there is.
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


PORTS = (
    "events.bus",
    "events.tracing",
    "domain.ports.records",
    "domain.ports.documents",
    "domain.ports.search",
    "domain.ports.files",
    "domain.ports.outside",
    "domain.ports.messages",
)


@pytest.mark.parametrize("name", PORTS)
def test_a_port_has_eight_methods_at_most(name: str) -> None:
    """An adapter can be written from it, and read; what is larger says reading and writing apart."""
    classes = [value for value in vars(importlib.import_module(name)).values() if isinstance(value, type)]
    ports = [port for port in classes if port.__module__ == name and inspect.isabstract(port)]

    assert ports
    for port in ports:
        assert len([own for own in vars(port) if not own.startswith("_") and callable(getattr(port, own))]) <= 8, port


ENGINE = {"callers", "clocks", "errors", "hub", "ids", "jobs", "masking", "names", "nouns", "ports"}
"""What the job engine stands on."""


def test_the_engine_knows_no_noun() -> None:
    """No module of domain/jobs imports anything of the domain but what every room uses: a noun reaches it by the hub's tables."""
    imported = re.compile(r"^\s*(?:from|import) domain(?:\.(\w+)| import (.*)$)", re.M)
    texts = [path.read_text() for path in (ROOT / "domain" / "jobs").glob("*.py")]
    rooms = {room or names for text in texts for room, names in imported.findall(text)}

    assert rooms <= ENGINE


def test_importing_does_nothing(tmp_path: Path) -> None:
    """Every module can be imported in an empty directory with an empty environment, and leaves no file or thread behind."""
    program = (
        "import importlib, sys, threading\n"
        f"for name in {modules()!r}: importlib.import_module(name)\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
    )

    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{program}"],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_whatever_comes_is_caught_at_few_edges() -> None:
    """Only what runs code of others catches every exception: the runner its handlers, the hub and following their followers, and
    the outermost edge of the published APIs; what keeps side tasks going; and what calls a driver that raises bare ones."""
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    found = {str(path.relative_to(ROOT)) for path in files if re.search(r"except( Exception\b.*)?:", path.read_text())}

    assert found == {
        "workers/runner.py",
        "domain/hub.py",
        "domain/jobs/following.py",
        "gateway/rest/routes.py",
        "events/supervision.py",
        "events/rabbitmq_link.py",
    }


@pytest.mark.parametrize("name", ["schema.graphql", "messages.json"])
def test_contracts_are_what_the_code_prints(name: str) -> None:
    """The committed contract files equal the code; `make schema` writes them."""
    from gateway.schema import print_schema  # noqa: PLC0415 - the schema takes a second to build
    from leat.cli.schema import messages  # noqa: PLC0415

    printed = print_schema() if name == "schema.graphql" else messages()

    assert (ROOT / name).read_text() == printed


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_the_lock_files_pin_everything_and_name_no_registry(name: str) -> None:
    """Every line of a lock file has a hash, and none says where the package comes from."""
    text = (ROOT / name).read_text()
    pinned = text.count("==")

    assert pinned > 20
    assert "://" not in text
    assert text.count("--hash=sha256:") >= pinned


def test_the_node_lock_names_no_registry() -> None:
    """No package-lock.json says where a package was resolved from."""
    locks = [path for path in ROOT.glob("**/package-lock.json") if "node_modules" not in path.parts]

    for lock in locks:
        packages = json.loads(lock.read_text())["packages"].values()
        assert not [package["resolved"] for package in packages if "resolved" in package]
