"""What tests of plugins share."""

import pytest

from tests.services import missing
from tests.workers import parsing
from workers.plugin.sandbox import reason_against


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plugins run in the sandbox, unless the parameter is `off`; skipped on a machine that has none."""
    setting = getattr(request, "param", "on")
    if setting == "on" and (reason := reason_against()):
        missing("sandbox", f"plugins have no sandbox here: {reason}")
    monkeypatch.setattr(parsing, "SANDBOX", setting)
