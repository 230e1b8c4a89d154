"""Log lines: what is bound and what is said beside the text comes out, for people and for machines."""

import json
import logging
import sys

from leat.log_lines import Machines, People, _bind
from workers.middleware.log_context import BOUND


def _record(**members: object) -> logging.LogRecord:
    return logging.getLogger("domain.jobs.jobs").makeRecord(
        "domain.jobs.jobs", logging.WARNING, "jobs.py", 1, "command not sent", (), None, extra=members
    )


def test_a_line_for_machines_is_one_json_object() -> None:
    """Text, level, logger and members are its keys."""
    said = json.loads(Machines().format(_record(queue="dump", error="away\nfor long")))

    assert said.pop("at") > 0
    assert said == {
        "level": "warning",
        "logger": "domain.jobs.jobs",
        "event": "command not sent",
        "queue": "dump",
        "error": "away\nfor long",
    }


def test_secrets_of_addresses_are_not_written() -> None:
    """Of members too, and in both forms."""
    record = _record(error="away: amqp://ana:hush@queue.example.org/")

    for form in (Machines(), People()):
        assert "hush" not in form.format(record)
        assert "amqp://ana:***@queue.example.org/" in form.format(record)


def test_a_line_of_a_job_names_it_unless_it_names_another() -> None:
    """What the middleware binds is a default."""
    token = BOUND.set({"job_id": "bound", "attempt": 2})
    try:
        record = _record(job_id="said")
        _bind(record)
    finally:
        BOUND.reset(token)

    assert People().format(record).endswith("WARNING command not sent  job_id=said  attempt=2")


def test_a_cause_is_told_with_its_traceback() -> None:
    """Machines get it as a member, people below the line."""
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        record = _record(queue="dump")
        record.exc_info = sys.exc_info()

    assert json.loads(Machines().format(record))["exception"].endswith("RuntimeError: broken")
    assert People().format(record).splitlines()[0].endswith("queue=dump")
    assert People().format(record).endswith("RuntimeError: broken")
