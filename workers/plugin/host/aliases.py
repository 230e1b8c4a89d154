"""Names under which hubs, and we, offer modules to plugins, for as long as a plugin has none of that name itself.

importlib.abc stays out of it: it imports half of the library, which every plugin's process would wait for.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

MODULES = {
    "config": "biothings.config",
    "leat_files": "leat_plugin_host.files.reading",
    "hub.dataload.data_parsers": "biothings.hub.dataload.data_parsers",
    "myvariant.src.utils.hgvs": "biothings.utils.hgvs",
    "utils.common": "biothings.utils.common",
    "utils.dataload": "biothings.utils.dataload",
    "utils.hgvs": "biothings.utils.hgvs",
}
PACKAGES = frozenset({"hub", "hub.dataload", "hub.dataload.sources", "myvariant", "myvariant.src", "myvariant.src.utils", "utils"})


class Aliases:
    """Asked last, after the plugin's own modules: the modules that it shares with others, by their whole names, then ours. Plugins
    lie in `hub.dataload.sources` too, as they do within a hub, and `hub` itself is never run: there it starts the hub."""

    def __init__(self, plugins: str, shared: str) -> None:
        self.plugins = plugins
        self.shared = shared

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Where the module comes from; None where it is not ours to say."""
        found = None if fullname == "hub" else self._shared(fullname)
        if found and found.loader:
            return found
        if fullname in MODULES:
            return ModuleSpec(fullname, self)  # type: ignore[arg-type]  # a loader has two functions, whatever it is derived from
        if fullname not in PACKAGES:
            return found
        spec = ModuleSpec(fullname, self, is_package=True)  # type: ignore[arg-type]  # as above
        spec.submodule_search_locations = [self.plugins] if fullname.endswith("sources") else []
        return spec

    def _shared(self, fullname: str) -> ModuleSpec | None:
        *packages, _ = fullname.split(".")
        return PathFinder.find_spec(fullname, [os.path.join(self.shared, *packages)])

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """A copy of the module that the name stands for; None, for an empty one, where it is a package."""
        if spec.name not in MODULES:
            return None
        module = importlib.import_module(MODULES[spec.name])
        return _copy(module, spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """It is whole already."""


def _copy(module: ModuleType, name: str) -> ModuleType:
    """The same names in a module of another name: the import system writes its own attributes into what it is given."""
    copied = ModuleType(name, module.__doc__)
    copied.__dict__.update({key: value for key, value in vars(module).items() if not key.startswith("__") or key == "__getattr__"})
    return copied


def install(plugins: str, shared: str) -> None:
    """Offer the aliases in this process; `plugins` is the folder of plugins, `shared` that of the modules which they share."""
    sys.meta_path.append(Aliases(plugins, shared))
