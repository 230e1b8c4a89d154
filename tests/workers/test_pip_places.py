"""What pip may read in the sandbox: what its operator's configuration names."""

from pathlib import Path

import pytest

from tests.workers.test_plugin_environments import Lines, said, wheel
from workers.plugin.environment import python_for
from workers.plugin.pip_places import pip_places


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without any configuration of pip."""
    for name in ("CERT", "CLIENT_CERT", "CONFIG_FILE", "CONSTRAINT", "EXTRA_INDEX_URL", "FIND_LINKS", "INDEX_URL"):
        monkeypatch.delenv(f"PIP_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("workers.plugin.pip_places.Path.home", lambda: tmp_path / "home")
    (tmp_path / "home" / ".config" / "pip").mkdir(parents=True)
    return tmp_path / "home"


def test_what_is_named_and_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders and files of variables and of pip.conf, as paths or as URLs; neither addresses nor what is not there."""
    for name in ("one two", "ours.pem", "pinned.txt"):
        (home / name).touch()
    (home / ".config" / "pip" / "pip.conf").write_text(
        f"[global]\ncert = {home}/ours.pem\n[install]\nconstraint =\n  {home}/pinned.txt\n"
    )
    monkeypatch.setenv("PIP_FIND_LINKS", f"{(home / 'one two').as_uri()} /absent https://example.org/simple")

    found = set(pip_places()) - {Path("/etc/pip.conf"), Path("/etc/xdg/pip/pip.conf")}

    assert {path.name for path in found if path.is_relative_to(home)} == {"one two", "ours.pem", "pinned.txt", "pip.conf"}
    assert not any(word in str(path) for path in found for word in ("absent", "example"))


def test_a_broken_configuration(home: Path) -> None:
    """Is pip's to tell."""
    (home / ".config" / "pip" / "pip.conf").write_bytes(b"\xff[")

    assert home / ".config" / "pip" / "pip.conf" in pip_places()


@pytest.mark.usefixtures("sandbox")
async def test_packages_of_a_folder(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who keeps packages in a folder of the machine has them in the sandbox too."""
    wheel(tmp_path / "kept", "leat_kept_package", "VALUE = 12")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "kept"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    code = tmp_path / "code"
    code.mkdir()

    python = await python_for(("leat_kept_package",), code, tmp_path / "environments", Lines(), boxed=True)

    assert await said(python, "import leat_kept_package; print(leat_kept_package.VALUE)") == "12"
