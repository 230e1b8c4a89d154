"""Environments: what a plugin requires is installed for it alone, once, and told when it can't be."""

import asyncio
import os
import shutil
import zipfile
from pathlib import Path

import orjson
import pytest

from domain.errors import JobFailed
from tests.workers.parsing import write
from workers.plugin.environment import bounded, python_for, undeclared


def wheel(folder: Path, name: str, code: str) -> str:
    """A distribution in a file, as a requirement that needs no index."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", code)
        archive.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return f"{name} @ {path.as_uri()}"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No index is asked."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")


class Lines:
    """A log."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    async def __call__(self, text: str, level: str) -> None:
        self.lines.append((level, text))


async def said(python: tuple[str, ...], program: str) -> str:
    """What a program prints."""
    process = await asyncio.create_subprocess_exec(*python, "-c", program, stdout=asyncio.subprocess.PIPE)
    return (await process.communicate())[0].decode().strip()


async def test_nothing_required_needs_no_environment(tmp_path: Path) -> None:
    """The interpreter is ours, with none of our packages."""
    code = write(tmp_path / "code", {"parser.py": "import os, csv\nfrom biothings.utils.dataload import unlist"})
    python = await python_for((), code, tmp_path / "environments", Lines())
    assert await said(python, "import importlib.util as u; print(u.find_spec('aiohttp'), u.find_spec('pip'))") == "None None"
    assert not (tmp_path / "environments").exists()


async def test_requirements_are_installed_once(tmp_path: Path, offline: None) -> None:
    """Two that need the same at the same time make one environment, apart from ours; the next finds it there."""
    code = write(tmp_path / "code", {"parser.py": ""})
    requires = (wheel(tmp_path / "wheels", "leat_test_package", "VALUE = 7"),)
    logs = Lines(), Lines()
    found = await asyncio.gather(*(python_for(requires, code, tmp_path / "environments", log) for log in logs))
    assert found[0] == found[1]
    assert sorted(len(log.lines) > 0 for log in logs) == [False, True]
    assert await said(found[0], "import leat_test_package; print(leat_test_package.VALUE)") == "7"
    again = Lines()
    assert await python_for(requires, code, tmp_path / "environments", again) == found[0]
    assert again.lines == []


async def test_nothing_is_imported_from_where_the_hub_was_started(
    tmp_path: Path, offline: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files named like the programs that make an environment, or like what those import, are left alone."""
    code = write(tmp_path / "code", {"parser.py": ""})
    requires = (wheel(tmp_path / "wheels", "leat_test_package", "VALUE = 7"),)
    shadows = dict.fromkeys(("random.py", "venv.py", "pip/__init__.py"), "raise SystemExit('imported from here')")
    monkeypatch.chdir(write(tmp_path / "here", shadows))

    python = await python_for(requires, code, tmp_path / "environments", Lines())

    assert await said(python, "import leat_test_package; print(leat_test_package.VALUE)") == "7"


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("import vcf", ["PyVCF3"]),
        ("from Bio import SeqIO", ["biopython"]),
        ("import jsonlines, pysam.utils", ["jsonlines", "pysam"]),
    ],
)
def test_what_one_of_the_hubs_has(tmp_path: Path, line: str, names: list[str]) -> None:
    """Plugins of any BioThings hub find what that hub has, under the name that pip knows."""
    assert undeclared(write(tmp_path, {"parser.py": line}), ()) == names


async def test_what_cannot_be_installed_is_named(tmp_path: Path, offline: None) -> None:
    """The job fails with pip's reason; the half-made environment is not taken for a whole one."""
    code = write(tmp_path / "code", {"parser.py": ""})
    for _ in range(2):
        with pytest.raises(JobFailed, match=r"leat-test-absent could not be installed: .*leat-test-absent") as caught:
            await python_for(("leat-test-absent",), code, tmp_path / "environments", Lines())
        assert caught.value.code == "REQUIREMENTS"


async def test_what_a_hub_would_have_is_installed_if_possible(tmp_path: Path, offline: None) -> None:
    """Imports that the manifest forgot: where they can't be installed the log warns and the plugin runs; they are tried again."""
    code = write(tmp_path / "code", {"parser.py": "import requests"})
    assert undeclared(code, ()) == ["requests"]
    for _ in range(2):
        log = Lines()
        python = await python_for((), code, tmp_path / "environments", log)
        assert any(level == "warning" and text.startswith("requests is imported") for level, text in log.lines)
    [ready] = (tmp_path / "environments").glob("*/.ready")
    assert orjson.loads(ready.read_bytes()) == ["requests"]
    assert python[0].startswith(str(tmp_path))
    shutil.rmtree(tmp_path / "environments")


@pytest.mark.parametrize(
    ("requirement", "taken"),
    [
        ("pandas", "pandas<3"),
        ("Pandas[excel]", "Pandas[excel]<3"),
        ("networkx ; python_version > '3.7'", "networkx>=2.1,<3; python_version > '3.7'"),
        ("pandas>=3", "pandas>=3"),
        ("pandas==2.2.3", "pandas==2.2.3"),
        ("pandas @ file:///pandas.whl", "pandas @ file:///pandas.whl"),
        ("pandas-stubs", "pandas-stubs"),
    ],
)
def test_versions_where_none_is_named(requirement: str, taken: str) -> None:
    """Those that the SDK has, for what it has; what the manifest says of a version holds."""
    assert bounded(requirement) == taken


async def test_a_bound_is_told(tmp_path: Path, offline: None) -> None:
    """The log says which version an unpinned requirement means, and the one that is imported without being required."""
    code = write(tmp_path / "code", {"parser.py": "import networkx"})
    log = Lines()
    with pytest.raises(JobFailed, match="pandas<3 could not be installed"):
        await python_for(("pandas",), code, tmp_path / "environments", log)

    told = [text for level, text in log.lines if level == "info" and "as the BioThings SDK has it" in text]
    assert [text.split(",")[0] for text in told] == ["pandas: pandas<3", "networkx: networkx>=2.1"]


async def test_an_environment_without_its_python_is_made_anew(tmp_path: Path, offline: None) -> None:
    """As after an upgrade of the Python that it was made with."""
    code = write(tmp_path / "code", {"parser.py": ""})
    requires = (wheel(tmp_path / "wheels", "leat_test_package", "VALUE = 7"),)
    python = await python_for(requires, code, tmp_path / "environments", Lines())
    os.unlink(python[0])

    assert await python_for(requires, code, tmp_path / "environments", Lines()) == python
    assert await said(python, "import leat_test_package; print(leat_test_package.VALUE)") == "7"


def test_imports_that_count_as_forgotten(tmp_path: Path) -> None:
    """Known distributions only, at any depth of the code, unless they are required, part of Python, or the plugin's own."""
    parser = """
        import pandas as pd, json, networkx.algorithms
        from .helper import x
        from yaml import safe_load
        import unknown_package
        def get_release(self):
            import requests
    """
    code = write(tmp_path / "code", {"parser.py": parser, "helper.py": "from bs4 import BeautifulSoup", "networkx.py": ""})
    assert undeclared(code, ["Pandas>=2"]) == ["PyYAML", "beautifulsoup4", "requests"]
    write(code, {"broken.py": "def"})
    assert undeclared(code, ["Pandas>=2"]) == ["PyYAML", "beautifulsoup4", "requests"]
