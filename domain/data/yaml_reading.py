"""YAML from outside, read within limits in a process of its own.

A few hundred bytes of YAML may stand for gigabytes: an alias repeats what its anchor holds, and that may hold aliases. So it is
counted how much a text stands for before anything is made of it, and what is miscounted, or takes long, ends with its process.
"""

import importlib
import re
import resource
import subprocess
import sys
from collections.abc import Hashable
from typing import Any

import orjson

EXPANDED = 8 * 2**20
"""Characters and values that a text may stand for, with what aliases repeat counted each time."""
MEMORY = 2**30
"""Bytes of address space of the process that reads."""
SECONDS = 30.0
"""How long it may take."""


class YamlRefused(Exception):
    """The text is no YAML that can be read; says why."""


def decode(text: str) -> Any:
    """What the text holds, as JSON would have it: dates are text, and so are keys. Raises YamlRefused."""
    command = (sys.executable, "-P", "-m", __name__)
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=SECONDS, env={}, check=False)
    except subprocess.TimeoutExpired:
        raise YamlRefused(f"it takes longer than {SECONDS:g} s to read") from None
    if done.returncode:
        raise YamlRefused(f"it can't be read within {MEMORY // 2**20} MiB of memory")
    answer = orjson.loads(done.stdout)
    if "refused" in answer:
        raise YamlRefused(answer["refused"])
    return answer["value"]


def _read(text: str) -> Any:
    yaml: Any = importlib.import_module("yaml")  # only this process needs it, and it takes long to import
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _weigh(node, {}, frozenset())
        return orjson.loads(orjson.dumps(loader.construct_document(node), option=orjson.OPT_NON_STR_KEYS))
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise YamlRefused(re.sub(r"\s+", " ", str(error))) from None


def _weigh(node: Any, known: dict[int, int], above: frozenset[Hashable]) -> int:
    """Characters and values that a node stands for; raises YamlRefused beyond EXPANDED, and where it holds itself. What is known is
    not counted again, so this takes time that grows with the text only."""
    if id(node) in above:
        raise YamlRefused(f"an alias stands for what holds it ({str(node.start_mark).strip()})")
    if id(node) not in known:
        inner = above | {id(node)}
        members = [node.value] if isinstance(node.value, str) else node.value
        weight = 1
        for member in members:
            for part in member if isinstance(member, tuple) else (member,):
                weight += len(part) if isinstance(part, str) else _weigh(part, known, inner)
        if weight > EXPANDED:
            raise YamlRefused(f"its aliases stand for more than {EXPANDED} characters and values ({str(node.start_mark).strip()})")
        known[id(node)] = weight
    return known[id(node)]


def _main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        answer = {"value": _read(sys.stdin.buffer.read().decode())}
    except YamlRefused as refused:
        answer = {"refused": str(refused)}
    sys.stdout.buffer.write(orjson.dumps(answer))


if __name__ == "__main__":
    _main()
