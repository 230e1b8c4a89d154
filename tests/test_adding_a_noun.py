"""docs/adding-a-noun.md to the letter: its files and lines, in a copy of the house, make a noun that works end to end."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.leat.hubs import Line

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "adding-a-noun.md").read_text()
PACKAGES = ("events", "domain", "adapters", "workers", "gateway", "leat")
FILES = dict(re.findall(r"^`([\w/]+\.py)`\n\n```python\n(.*?)^```$", PAGE, re.M | re.S))
LINES = re.findall(r"^\| `([\w/]+\.py)` \| `(\w+)` \| `(.*?)` \| (?:`(.*?)` )?\|$", PAGE, re.M)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the house with the page's noun in it."""
    house = tmp_path / "house"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, house / package, ignore=shutil.ignore_patterns("__pycache__", "assets"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, house)
    for name, text in FILES.items():
        assert not (house / name).exists()
        (house / name).write_text(text)
    for name, table, line, imported in LINES:
        file = house / name
        text, found = re.subn(rf"^({table}\b.* = [({{])\n?", rf"\1\n    {line}\n", file.read_text(), flags=re.M)
        assert found == 1, f"{name} has no table {table} of one line an entry"
        if imported:
            text = re.sub(r"^(?=from|import)", f"{imported}\n", text, count=1, flags=re.M)
        file.write_text(text)
    return house


def run(house: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A program of the tools, in the copy."""
    return subprocess.run([sys.executable, *words], cwd=house, capture_output=True, text=True, check=False)


def test_the_page_touches_its_own_files_and_one_line_a_table() -> None:
    """Five files, one in each layer; and no table twice."""
    assert sorted({name.partition("/")[0] for name in FILES}) == ["domain", "events", "gateway", "leat", "workers"]
    assert len({(name, table) for name, table, _, _ in LINES}) == len(LINES) == 7


def test_the_noun_keeps_the_house_rules(house: Path) -> None:
    """Types, style and layers are checked as for any other noun."""
    modules = [name.removesuffix(".py").replace("/", ".") for name in FILES]
    linter = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"

    checked = [
        run(house, "-m", "mypy", *(word for module in modules for word in ("-m", module))),
        run(house, "-m", "ruff", "check", *FILES),
        run(house, "-m", "ruff", "format", "--check", *FILES),
        run(house, "-c", linter),
    ]

    assert [done.returncode for done in checked] == [0, 0, 0, 0], [done.stdout for done in checked]


def test_a_note_has_its_words_counted(house: Path, tmp_path: Path) -> None:
    """It is added, edited and removed by the command line through GraphQL; its events are followed by commands, a worker does them,
    and the noun shows what was made. The same text again makes no job; what is not there, or there already, is refused."""
    line = Line(tmp_path)
    code = f"import sys; sys.path.insert(0, {str(house)!r}); from leat.cli import main; sys.exit(main())"
    environment = {**line.environment, "PYTHONPATH": str(house)}

    def leat(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    def counted(words: int) -> None:
        deadline = time.monotonic() + 20
        while json.loads(leat("note", "show", "first", "--json").stdout)["words"] != words:
            assert time.monotonic() < deadline

    hub = subprocess.Popen([sys.executable, "-c", code, "up", "--port", "0"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE)
    try:
        assert hub.stdout
        assert hub.stdout.readline()
        added = leat("note", "add", "first", "the quick  brown\nfox - 0.1")
        counted(6)
        again = leat("note", "add", "first", "another")
        edited = [leat("note", "edit", "first", "another text") for _ in range(2)]
        counted(2)
        listed = leat("note", "list", "--json").stdout
        jobs = json.loads(leat("jobs", "--target", "note/first", "--json").stdout)
        watched = [leat("watch", job["runId"]).returncode for job in jobs]
        removed = leat("note", "remove", "first")
        gone = leat("note", "show", "first")
    finally:
        hub.terminate()
        hub.communicate(timeout=20)

    assert [done.returncode for done in (added, again, *edited, removed)] == [0, 3, 0, 0, 0], (added, again, edited, removed)
    assert json.loads(listed) == [{"name": "first", "words": 2}]
    assert watched == [0, 0]
    assert (gone.returncode, gone.stderr) == (3, "leat: there is no note 'first'\n")
