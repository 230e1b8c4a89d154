"""Servers that tests need: skipped with the reason on a laptop, a failure where LEAT_TEST_REQUIRE names them."""

import os
import shutil

import pytest

URLS = {
    "rabbitmq": "LEAT_TEST_AMQP_URL",
    "mongodb": "LEAT_TEST_MONGODB_URL",
    "elasticsearch": "LEAT_TEST_ELASTICSEARCH_URL",
    "services": "LEAT_TEST_SERVICES",
}
"""`services` is the folder of the programs `up` and `down` that start and stop servers, for tests that need one of their own."""


def required(name: str) -> bool:
    """Does LEAT_TEST_REQUIRE name it?"""
    return name in {word.strip() for word in os.environ.get("LEAT_TEST_REQUIRE", "").split(",")}


def missing(name: str, reason: str) -> None:
    """Skip the test with the reason, or fail it where LEAT_TEST_REQUIRE names what is missing."""
    if required(name):
        pytest.fail(f"LEAT_TEST_REQUIRE names {name}, but {reason}")
    pytest.skip(reason)


def need(name: str) -> str:
    """The URL of a server, or the path of a program (`node`)."""
    if name in URLS:
        url = os.environ.get(URLS[name], "")
        if not url:
            missing(name, f"{URLS[name]} is not set")
        return url
    program = shutil.which(name)
    if program is None:
        missing(name, f"there is no {name} on this machine")
    return program or ""
