"""The table of heavy steps."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from workers.steps import STEPS

ROOT = Path(__file__).parent.parent.parent


def test_every_step_that_is_asked_for_is_there() -> None:
    """What handlers ask child processes for is in the table, and nothing else."""
    asked = [re.findall(r'\.child\(\s*"(\w+)"', path.read_text()) for path in (ROOT / "workers").rglob("*.py")]

    assert {step for steps in asked for step in steps} == set(STEPS)


@pytest.mark.parametrize("name", STEPS)
def test_a_child_imports_its_own_step_only(name: str) -> None:
    """The function is where the table says; other steps, and the drivers of servers, cost its process no time."""
    assert inspect.iscoroutinefunction(STEPS[name].load())

    program = f"import sys, leat.child; leat.child.STEPS[{name!r}].load(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    others = {step.place.partition(":")[0] for other, step in STEPS.items() if other != name}
    assert not set(done.stdout.split()) & {*others, "elasticsearch", "motor", "aio_pika", "aiohttp", "strawberry"}
