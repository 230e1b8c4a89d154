"""What parsers return, and how manifests name them."""

from pathlib import Path

import pytest

from domain.errors import JobFailed
from tests.workers.parsing import parse, uploading

TWO = [{"_id": "a", "n": 1}, {"_id": "b", "n": 2}]
RESULTS = {
    "a generator": "def load_data(folder):\n    yield {'_id': 'a', 'n': 1}\n    yield {'_id': 'b', 'n': 2}",
    "a list": "def load_data(folder):\n    return [{'_id': 'a', 'n': 1}, {'_id': 'b', 'n': 2}]",
    "a tuple": "def load_data(folder):\n    return ({'_id': 'a', 'n': 1}, {'_id': 'b', 'n': 2})",
    "a dict by id": "def load_data(folder):\n    return {'a': {'n': 1}, 'b': {'n': 2}}",
    "a map": "def load_data(folder):\n    return map(lambda pair: {'_id': pair[0], 'n': pair[1]}, [('a', 1), ('b', 2)])",
    "a chain": "import itertools\ndef load_data(folder):\n"
    "    return itertools.chain([{'_id': 'a', 'n': 1}], [{'_id': 'b', 'n': 2}])",
    "empty documents among others": "def load_data(folder):\n    return [{}, {'_id': 'a', 'n': 1}, None, {'_id': 'b', 'n': 2}]",
    "an async function": "async def load_data(folder):\n    return [{'_id': 'a', 'n': 1}, {'_id': 'b', 'n': 2}]",
    "an async generator": "async def load_data(folder):\n    for id, n in ('a', 1), ('b', 2):\n        yield {'_id': id, 'n': n}",
    "a parser of one's own": "def load_data(folder):\n    return Rows()\nclass Rows:\n    def __iter__(self):\n"
    "        return iter([{'_id': 'a', 'n': 1}, {'_id': 'b', 'n': 2}])",
}


@pytest.mark.parametrize("parser", RESULTS.values(), ids=RESULTS.keys())
async def test_results_are_read(tmp_path: Path, parser: str) -> None:
    """Whatever can be walked through gives its documents."""
    assert (await parse(tmp_path, parser)).documents == TWO


@pytest.mark.parametrize(
    ("value", "said"),
    [("None", "NoneType"), ("'text'", "str"), ("7", "int"), ("{'a': 3}", "no document but int")],
)
async def test_other_results_are_refused(tmp_path: Path, value: str, said: str) -> None:
    """What holds no documents is named."""
    with pytest.raises(JobFailed, match=said) as caught:
        await parse(tmp_path, f"def load_data(folder):\n    return {value}")
    assert caught.value.code == "PLUGIN_INVALID"


SPELLINGS = {
    "a module": ("parser:load_data", {"parser.py": "def load_data(folder): yield {'_id': 'a'}"}),
    "with its ending": ("parser.py:load_data", {"parser.py": "def load_data(folder): yield {'_id': 'a'}"}),
    "in a folder": ("sub.parser:load_data", {"sub/parser.py": "def load_data(folder): yield {'_id': 'a'}"}),
    "a method of a new object": (
        "loader:Loader('a').load",
        {
            "loader.py": """
                class Loader:
                    def __init__(self, id): self.id = id
                    def load(self, folder): yield {'_id': self.id}
            """
        },
    ),
    "a static method": (
        "loader:Loader.load",
        {"loader.py": "class Loader:\n    @staticmethod\n    def load(folder): yield {'_id': 'a'}"},
    ),
    "a partial": (
        "parser:load_data",
        {"parser.py": "from functools import partial\ndef load(id, folder): yield {'_id': id}\nload_data = partial(load, 'a')"},
    ),
}


@pytest.mark.parametrize(("spec", "files"), SPELLINGS.values(), ids=SPELLINGS.keys())
async def test_functions_are_found(tmp_path: Path, spec: str, files: dict[str, str]) -> None:
    """Manifests name functions, methods and calls."""
    tried = await parse(tmp_path, {"manifest.json": uploading(parser=spec), **files})
    assert tried.documents == [{"_id": "a"}]


IMPORTS = {
    "relative": "from .utils import ID",
    "of the package": "from plugins.demo.utils import ID",
    "plain": "from utils import ID",
    "as within a hub": "from hub.dataload.sources.demo.utils import ID",
    "relative, else plain": "try:\n    from ..demo.utils import ID\nexcept ImportError:\n    from utils import ID",
}


@pytest.mark.parametrize("line", IMPORTS.values(), ids=IMPORTS.keys())
async def test_plugins_import_their_own_modules(tmp_path: Path, line: str) -> None:
    """Every way in which plugins import what lies beside the parser works."""
    parser = f"{line}\ndef load_data(folder): yield {{'_id': ID}}"
    assert (await parse(tmp_path, {"parser.py": parser, "utils.py": "ID = 'a'"})).documents == [{"_id": "a"}]


async def test_a_broken_package_is_passed_by(tmp_path: Path) -> None:
    """A parser that stands alone is found although the folder's __init__.py needs a hub."""
    files = {"__init__.py": "from .dumper import Missing", "parser.py": "def load_data(folder): yield {'_id': 'a'}"}
    assert (await parse(tmp_path, files)).documents == [{"_id": "a"}]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("absent:load", "no absent.py"),
        ("parser:absent", "has no absent"),
        ("parser:lod_data", "did you mean load_data"),
        ("parser:X", "is no function but int"),
    ],
)
async def test_missing_functions_are_named(tmp_path: Path, spec: str, said: str) -> None:
    """A manifest that names what is not there is told what was looked for."""
    with pytest.raises(JobFailed, match=said):
        await parse(tmp_path, {"manifest.json": uploading(parser=spec), "parser.py": "X = 3\ndef load_data(folder): ..."})


async def test_parsers_get_folder_and_arguments(tmp_path: Path) -> None:
    """The folder ends in <source>/<release>, holds the files, may be written to, and parser_kwargs come as they are."""
    parser = """
        import os
        def load_data(data_folder, columns, strict=False):
            open(os.path.join(data_folder, "scratch.txt"), "w").close()
            with open(os.path.join(data_folder, "data.tsv")) as file:
                for line in file:
                    yield {"_id": line.split("\\t")[0], "columns": columns, "strict": strict, "place": data_folder.split("/")[-2:]}
    """
    manifest = uploading(parser_kwargs={"columns": ["x", "y"], "strict": True})
    tried = await parse(tmp_path, {"manifest.json": manifest, "parser.py": parser})
    assert tried.documents[0] == {"_id": "1", "columns": ["x", "y"], "strict": True, "place": ["demo", "2024-01"]}
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["data.tsv"]


async def test_parallel_jobs_have_their_own_process(tmp_path: Path) -> None:
    """The parallelizer sees the data folder; each of its tuples is the arguments of one call elsewhere."""
    files = {
        "manifest.json": uploading(parallelizer="jobs:custom_jobs", parser_kwargs={"suffix": "!"}),
        "jobs.py": """
            def custom_jobs(self):
                import glob, os, pathlib
                names = sorted(glob.glob(os.path.join(self.data_folder, "*.txt")))
                return [(pathlib.Path(name), number) for number, name in enumerate(names)]
        """,
        "parser.py": """
            calls = []
            def load_data(path, number, suffix):
                calls.append(number)
                yield {"_id": path.read_text() + suffix, "number": number, "calls": calls}
        """,
    }
    tried = await parse(tmp_path, files, {"a.txt": "a", "b.txt": "b"})
    assert [(document["_id"], document["number"]) for document in tried.documents] == [("a!", 0), ("b!", 1)]
    assert [document["calls"] for document in tried.documents] == [[0], [1]]


async def test_a_limit_ends_the_parser(tmp_path: Path) -> None:
    """A parser without end is left after as many documents as were asked for."""
    parser = "from itertools import count\ndef load_data(folder): return ({'_id': str(n)} for n in count())"
    tried = await parse(tmp_path, parser, limit=7)
    assert [document["_id"] for document in tried.documents] == ["0", "1", "2", "3", "4", "5", "6"]
