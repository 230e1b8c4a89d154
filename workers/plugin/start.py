"""The first thing in a plugin's process: loads the host package and orjson by path, with nothing else of ours to be seen.

Run as `python -I start.py ORJSON`, where ORJSON is the file of orjson's extension module.
"""

import importlib.util
import os
import sys
from types import ModuleType


def load(name: str, path: str, folder: str | None = None) -> ModuleType:
    """Import the file `path` as `name`, as a package with that folder where one is given."""
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=[folder] if folder else None)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} can't be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    load("orjson", sys.argv[1])
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "host")
    load("leat_plugin_host", os.path.join(here, "__init__.py"), here)
    sys.argv[:] = ["plugin"]
    importlib.import_module("leat_plugin_host.main").main()
