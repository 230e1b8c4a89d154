"""Names under which hubs, and we, offer modules to plugins, for as long as a plugin has none of that name itself."""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
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


class Aliases(MetaPathFinder, Loader):
    """Asked last, after the plugin's own modules. Plugins lie in `hub.dataload.sources` too, as they do within a hub."""

    def __init__(self, plugins: str) -> None:
        self.plugins = plugins

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname in MODULES:
            return ModuleSpec(fullname, self)
        if fullname not in PACKAGES:
            return None
        spec = ModuleSpec(fullname, self, is_package=True)
        spec.submodule_search_locations = [self.plugins] if fullname.endswith("sources") else []
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        if spec.name not in MODULES:
            return None
        module = importlib.import_module(MODULES[spec.name])
        return _copy(module, spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


def _copy(module: ModuleType, name: str) -> ModuleType:
    """The same names in a module of another name: the import system writes its own attributes into what it is given."""
    copied = ModuleType(name, module.__doc__)
    copied.__dict__.update({key: value for key, value in vars(module).items() if not key.startswith("__") or key == "__getattr__"})
    return copied


def install(plugins: str) -> None:
    """Offer the aliases in this process."""
    sys.meta_path.append(Aliases(plugins))
