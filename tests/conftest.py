"""What every test starts from: no setting of the developer's leaks in."""

import os

import pytest


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No LEAT_* variable of the developer's reaches a test, except those about the tests themselves."""
    for name in list(os.environ):
        if name.startswith("LEAT_") and not name.startswith("LEAT_TEST_"):
            monkeypatch.delenv(name)
