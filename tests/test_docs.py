"""The documentation says what there is: every setting, every metric, and links that lead somewhere."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from domain.hub import Hub
from domain.query.plan import Fields
from gateway.metrics import Metrics
from gateway.pinging import Ports
from gateway.rest.limits import Limits
from gateway.rest.served import Served
from gateway.rest.specification import specification
from leat.settings import SCHEMES, Settings
from tests.services import URLS

DOCS = Path(__file__).parent.parent / "docs"


def rows(page: str, columns: int, first: str) -> list[tuple[str, ...]]:
    """The cells of table rows whose first one is in backticks and begins so."""
    cells = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in (DOCS / page).read_text().splitlines()]
    return [row for row in cells if len(row) == columns and row[0].startswith(f"`{first}")]


def test_every_setting_is_documented() -> None:
    """docs/settings.md has each setting with its default and what it is, and no other."""
    table = {row[0].strip("`"): (row[1].strip("`"), row[2]) for row in rows("settings.md", 3, "LEAT_") if "`" not in row[2]}
    settings: dict[str, tuple[str, str]] = {}
    for name, field in Settings.model_fields.items():
        default = field.default.get_secret_value() if name in ("mail", "secret", "token") else str(field.default)
        settings[f"LEAT_{name.upper()}"] = (default, str(field.description))

    assert table == settings


def test_every_adapter_is_documented() -> None:
    """docs/settings.md has every scheme that picks an adapter."""
    text = (DOCS / "settings.md").read_text()

    assert [scheme for schemes in SCHEMES.values() for scheme in schemes if f"`{scheme}:" not in text] == []


def test_every_metric_is_documented() -> None:
    """docs/operations.md has each metric with its labels, and no other; those that it warns by exist."""
    hub = cast(Hub, SimpleNamespace(name="leat-3f9a"))
    registry: Any = Metrics(hub, cast(Ports, None))._registry
    known: dict[str, set[str]] = {}
    for family in registry._collector_to_names:
        if name := getattr(family, "_name", ""):
            suffix = {"counter": "_total", "info": "_info"}.get(family._type, "")
            labels = {"version", "hub"} if family._type == "info" else set(family._labelnames)
            known[name + suffix] = labels
    table = {row[0].strip("`"): set(filter(None, row[1].split(", "))) for row in rows("operations.md", 3, "leat_")}

    assert table == known
    spoken = set(re.findall(r"\bleat_[a-z_]+[a-z](?=[ ,`{\[]|$)", (DOCS / "operations.md").read_text()))
    assert spoken - {"leat_jobs_", "leat_queue_"} <= set(known)


def test_links_lead_somewhere() -> None:
    """Every relative link of the documentation and of the pages beside the README names a file."""
    pages = [*DOCS.rglob("*.md"), *DOCS.parent.glob("*.md"), *(DOCS.parent / "deploy").rglob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:\s]+)\)", page.read_text())]

    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []


def test_every_parameter_of_an_api_is_documented() -> None:
    """docs/api.md has each parameter that the OpenAPI document of an API has, in the path or the query, and every route."""
    text = (DOCS / "api.md").read_text()
    about = SimpleNamespace(description="")
    served = SimpleNamespace(name="x", doc_type="<doc_type>", index="i", meta={}, api=about, fields=Fields({}))
    paths = specification(cast("Served", served), Limits())["paths"]
    parameters = {each["name"] for path in paths.values() for method in path.values() for each in method["parameters"]}

    assert [name for name in sorted(parameters - {"id"}) if f"`{name}`" not in text] == []
    assert [path for path in paths if f" {path.removeprefix('/').replace('{id}', '<id>')}`" not in text] == []


def test_every_variable_of_the_tests_is_documented() -> None:
    """CONTRIBUTING.md has each LEAT_TEST_ variable that the suite takes, and no other."""
    spoken = set(re.findall(r"LEAT_TEST_[A-Z0-9_]+[A-Z0-9]", (DOCS.parent / "CONTRIBUTING.md").read_text()))

    assert spoken == {*URLS.values(), "LEAT_TEST_REQUIRE"}
