""".github/workflows/ci.yml, as far as it can be looked at without a runner."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.services import URLS, need

ROOT = Path(__file__).parent.parent
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
LOCAL = "services"
"""What only a machine with programs that stop and start servers has."""


@pytest.fixture(scope="module")
def workflow() -> Any:
    """The workflow; YAML takes its key `on` for true."""
    return yaml.safe_load(WORKFLOW.read_text())


def steps(workflow: Any) -> list[Any]:
    """Every step of every job."""
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_actionlint_finds_nothing() -> None:
    """Every key, expression, action input and context of the workflow is one that GitHub knows."""
    command = [need("actionlint"), "-no-color", "-shellcheck=", "-pyflakes=", str(WORKFLOW)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_may_only_read(workflow: Any) -> None:
    """Its token reads the repository and nothing else, is not left on the runner's disk, and every action is GitHub's own, of a
    major version."""
    assert workflow["permissions"] == {"contents": "read"}
    assert [name for name, job in workflow["jobs"].items() if "permissions" in job] == []
    used = [step for step in steps(workflow) if "uses" in step]
    assert [step["uses"] for step in used if not re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"])] == []
    assert all(step["with"]["persist-credentials"] is False for step in used if "actions/checkout@" in step["uses"])


def test_it_has_the_servers_that_the_suite_takes(workflow: Any) -> None:
    """Every server is there, healthy before the tests begin, on the port of the variable by which the suite finds it, and is missed
    where it is not there."""
    job = workflow["jobs"]["test"]
    services, environment = job["services"], job["env"]
    servers = {name: variable for name, variable in URLS.items() if name != LOCAL}
    assert set(services) == set(servers)
    assert set(environment) == {*servers.values(), "LEAT_TEST_REQUIRE"}
    for name, variable in servers.items():
        (port,) = services[name]["ports"]
        assert f"127.0.0.1:{port.split(':')[0]}" in environment[variable]
        assert "--health-cmd" in services[name]["options"]
    assert set(environment["LEAT_TEST_REQUIRE"].split(",")) == {"node", "chromium", "s3", *servers}


def test_its_servers_are_those_of_the_compose_file(workflow: Any) -> None:
    """The suite runs against the versions that compose.yaml starts."""
    composed = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    for name, service in workflow["jobs"]["test"]["services"].items():
        image, _, version = service["image"].rpartition(":")
        assert image.split("/")[-1] == composed[name]["image"].split(":")[0]
        assert version == composed[name]["image"].split(":")[1].removesuffix("-management")


def test_it_runs_what_a_developer_runs(workflow: Any) -> None:
    """Its commands are targets of the Makefile; checks and tests are among them, and so is the oldest Python that is supported."""
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    made = {target for step in steps(workflow) for target in re.findall(r"\bmake (\w+)", step.get("run", ""))}
    oldest = re.findall(r'^requires-python = ">=(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)

    assert made <= targets
    assert made >= {"tools", "lint", "test", "demo"}
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"][:1] == oldest


def test_its_caches_go_by_files_that_are_there(workflow: Any) -> None:
    """A step whose cache goes by a file that was moved fails."""
    paths = [path for step in steps(workflow) if (path := step.get("with", {}).get("cache-dependency-path"))]

    assert paths
    assert [path for path in paths if not list(ROOT.glob(path))] == []
