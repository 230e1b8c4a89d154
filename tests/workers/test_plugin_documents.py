"""What becomes of a document between parser and store, and which are refused."""

import math
from pathlib import Path

import pytest

from domain.errors import JobFailed
from tests.workers.parsing import parse

HEAD = """
import datetime, decimal, enum, uuid, collections
class Text(str): pass
def below(levels, kind=None):
    value = 1
    for _ in range(levels): value = kind([value]) if kind else {'x': value}
    return value
def load_data(folder):
"""


async def one(folder: Path, document: str) -> dict[str, object]:
    """The document as it is stored."""
    [stored] = (await parse(folder, f"{HEAD}    yield {document}")).documents
    return stored


async def test_python_values_become_json(tmp_path: Path) -> None:
    """Dates become ISO text, sets sorted lists, decimals numbers; subclasses of dict and str are what they are."""
    document = await one(
        tmp_path,
        """{'_id': Text('a'), 'at': datetime.datetime(2024, 1, 2, 3, 4, 5), 'day': datetime.date(2024, 1, 2), 'set': {'b', 'a'},
        'half': decimal.Decimal('0.5'), 'two': decimal.Decimal('2'), 'tuple': (1, 2), 'counts': collections.Counter('aab'),
        'none': None, 'nan': 'nan', 'big': 2**63 - 1, 'null': 'null'}""",
    )
    assert document == {
        "_id": "a",
        "at": "2024-01-02T03:04:05",
        "big": 2**63 - 1,
        "counts": {"a": 2, "b": 1},
        "day": "2024-01-02",
        "half": 0.5,
        "nan": "nan",
        "none": None,
        "null": "null",
        "set": ["a", "b"],
        "tuple": [1, 2],
        "two": 2,
    }
    assert list(document) == sorted(document)


REFUSED = {
    "no id": ("{'x': 1}", "document 1: it has no `_id`"),
    "a number as id": ("{'_id': 7}", "`_id` is no text but int: 7"),
    "no text as id": ("{'_id': None}", "`_id` is no text but NoneType"),
    "an empty id": ("{'_id': ''}", "its `_id` is empty"),
    "no dict": ("['_id']", "it is no dict but list"),
    "NaN": ("{'_id': 'a', 'x': {'y': [1, float('nan')]}}", r"\(`_id` 'a'\): x.y\[1\] is nan"),
    "infinity": ("{'_id': 'a', 'x': -float('inf')}", "x is -inf"),
    "NaN of a subclass": ("{'_id': 'a', 'x': type('F', (float,), {})('nan')}", "x is nan"),
    "a decimal NaN": ("{'_id': 'a', 'x': decimal.Decimal('NaN')}", "x is NaN"),
    "a key that is no text": ("{'_id': 'a', 'x': {3: 1}}", "a key in x is no text but int: 3"),
    "more than 64 bits": ("{'_id': 'a', 'x': [2**63]}", r"x\[0\] is 9223372036854775808: integers have 64 bits"),
    "fewer than -64 bits": ("{'_id': 'a', 'x': -2**63 - 1}", "64 bits"),
    "bytes": ("{'_id': 'a', 'x': b'raw'}", "x: bytes are no JSON"),
    "an object": ("{'_id': 'a', 'x': object()}", "x: object is no JSON"),
    "half a character": ("{'_id': 'a', 'x': '\\ud800'}", "x is no valid text"),
    "too big": ("{'_id': 'a', 'x': 'y' * (17 * 2**20)}", "it has 17.0 MiB, at most 16"),
    "holding itself": ("(lambda d: d.update(x=d) or d)({'_id': 'a'})", "nested deeper than 100 levels, or holds itself, at x.x"),
    "too deep": (
        "{'_id': 'a', 'b': below(100)}",
        r"document 1 \(`_id` 'a'\): it is nested deeper than 100 levels, or .*, at b\.x\.x",
    ),
    "lists too deep": ("{'_id': 'a', 'b': below(100, list)}", r"nested deeper than 100 levels, or holds itself, at b\[0\]\[0\]"),
    "other collections too deep": ("{'_id': 'a', 'b': below(100, collections.deque)}", "nested deeper than 100 levels"),
    "too deep beside null": ("{'_id': 'a', 'b': below(100), 'c': None}", "nested deeper than 100 levels"),
    "far too deep": ("{'_id': 'a', 'b': below(2000)}", "nested deeper than 100 levels"),
}


@pytest.mark.parametrize(("document", "said"), REFUSED.values(), ids=REFUSED.keys())
async def test_documents_that_cannot_be_stored(tmp_path: Path, document: str, said: str) -> None:
    """The job's error names the document by number and `_id`, and the path within."""
    with pytest.raises(JobFailed, match=said) as caught:
        await one(tmp_path, document)
    assert caught.value.code == "DOCUMENT_INVALID"
    assert caught.value.detail


async def test_the_number_of_a_wrong_document(tmp_path: Path) -> None:
    """Documents are counted from one, dropped ones included, over all batches."""
    parser = (
        "def load_data(folder):\n    for n in range(40000): yield {'_id': f'{n:0100}'} if n % 2 else None\n    yield {'_id': 3}"
    )
    with pytest.raises(JobFailed, match="document 40001 "):
        await parse(tmp_path, parser)


async def test_long_ids_are_skipped_and_counted(tmp_path: Path) -> None:
    """An `_id` of more than 512 bytes would fail in an index: it is left out, not lost without a word."""
    parser = "def load_data(folder):\n    for n in 512, 513, 2000: yield {'_id': 'x' * n}\n    yield {'_id': 'é' * 257}"
    tried = await parse(tmp_path, parser)
    assert [len(document["_id"]) for document in tried.documents] == [512]
    assert tried.parsed is not None
    assert (tried.parsed.documents, tried.parsed.skipped) == (4, 3)


@pytest.mark.parametrize("beside", ["'[{' * 60", "[{'y': [{}]}] * 200"])
async def test_documents_of_a_hundred_levels(tmp_path: Path, beside: str) -> None:
    """That deep a document may be, whatever brackets it has beside; what is deeper is refused."""
    assert (await one(tmp_path / "taken", f"{{'_id': 'a', 'b': below(99), 'c': {beside}}}"))["_id"] == "a"
    with pytest.raises(JobFailed, match="nested deeper than 100 levels"):
        await one(tmp_path / "refused", f"{{'_id': 'a', 'b': below(100), 'c': {beside}}}")


async def test_floats_keep_their_value(tmp_path: Path) -> None:
    """A finite number survives the way as it was."""
    document = await one(tmp_path, "{'_id': 'a', 'x': 0.1 + 0.2, 'y': 1e308, 'z': -0.0}")
    assert document["x"] == 0.1 + 0.2
    assert document["y"] == 1e308
    assert math.copysign(1, float(str(document["z"]))) == -1


async def test_the_same_dict_yielded_again(tmp_path: Path) -> None:
    """A parser may reuse one dict for all of its documents."""
    parser = "def load_data(folder):\n    d = {}\n    for n in range(3):\n        d['_id'] = str(n)\n        yield d"
    assert [document["_id"] for document in (await parse(tmp_path, parser)).documents] == ["0", "1", "2"]
