"""What every test starts from: no setting of the developer's leaks in, and the same generated examples each time."""

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("leat", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("leat")
"""Properties try the same examples at each run, and none fails because the machine is busy."""


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No LEAT_* variable of the developer's reaches a test, except those about the tests themselves."""
    for name in list(os.environ):
        if name.startswith("LEAT_") and not name.startswith("LEAT_TEST_"):
            monkeypatch.delenv(name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each reason to skip, however many tests have it: pytest's own lines are one for each place."""
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in terminalreporter.stats.get("skipped", []))
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"skipped {count}: {reason}")
