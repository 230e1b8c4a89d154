"""Finds the functions that a manifest names, in every way that plugins import their modules."""

import ast
import importlib
import inspect
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from . import aliases

SHARED = "leat_shared_modules"
"""The folder within a plugin's code where those modules lie that it shares with others (domain.data.shared_modules)."""


class FunctionMissing(Exception):
    """The manifest names something that is not there."""


class Loader:
    """The code of one plugin: a folder `<root>/plugins/<name>`."""

    def __init__(self, root: str, name: str, shim: str) -> None:
        self.name = name
        self.folder = os.path.join(root, "plugins", name)
        # Python's own modules first, which installed packages need whatever a plugin's files are called; then the plugin's
        # (`import utils`), then `plugins.<name>`, then what the BioThings SDK would have brought, then installed packages
        installed = (place for place, path in enumerate(sys.path) if path.endswith("-packages"))
        place = next(installed, len(sys.path))
        sys.path[place:place] = [self.folder, root, shim]
        aliases.install(os.path.dirname(self.folder), os.path.join(self.folder, SHARED))

    def function(self, spec: str) -> Callable[..., Any]:
        """What `module:function` means. The function may be an attribute path or a call such as `Loader().load`."""
        module_name, _, expression = spec.partition(":")
        module = self.module(module_name)
        try:
            found = _value(ast.parse(expression.strip(), mode="eval").body, module)
        except SyntaxError:
            raise FunctionMissing(f"{spec}: {expression!r} can't be read as the name of a function") from None
        if isinstance(found, classmethod | staticmethod):  # at the top of a module, where the SDK pastes it into a class
            found = found.__func__
        if not callable(found):
            raise FunctionMissing(f"{spec} is no function but {type(found).__name__}")
        return found  # type: ignore[no-any-return]  # callable, whatever else it is

    def module(self, name: str) -> ModuleType:
        """A module of the plugin as part of its package, so that relative imports work, else plainly; or any other one."""
        dotted = name.replace("/", ".").strip(".")
        path = os.path.join(self.folder, *dotted.split("."))
        if not os.path.isfile(path + ".py") and not os.path.isdir(path):
            return self.foreign(dotted)
        try:
            return importlib.import_module(f"plugins.{self.name}.{dotted}")
        except (ImportError, AttributeError) as first:
            try:
                return importlib.import_module(dotted)
            except ImportError:
                raise first from None

    def foreign(self, dotted: str) -> ModuleType:
        """A module that is not the plugin's."""
        try:
            return importlib.import_module(dotted)
        except ModuleNotFoundError as error:
            if error.name and (dotted == error.name or dotted.startswith(error.name + ".")):
                raise FunctionMissing(f"there is no {dotted}.py in the plugin, nor a module {dotted}") from None
            raise


def call(function: Callable[..., Any], subject: Any) -> Any:
    """Call a function of the manifest with the object that the SDK passes as `self` or `cls`; without, where it takes nothing."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return function(subject)
    return function(subject) if parameters else function()


def _value(node: ast.expr, module: ModuleType) -> Any:
    if isinstance(node, ast.Name):
        if not hasattr(module, node.id):
            raise FunctionMissing(f"{module.__name__.split('.')[-1]} has no {node.id}{_meant(node.id, module)}")
        return getattr(module, node.id)
    if isinstance(node, ast.Attribute):
        return getattr(_value(node.value, module), node.attr)
    if isinstance(node, ast.Call):
        arguments = [ast.literal_eval(argument) for argument in node.args]
        keywords = {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords if keyword.arg}
        return _value(node.func, module)(*arguments, **keywords)
    raise FunctionMissing(f"{ast.unparse(node)!r} is no function")


def _meant(name: str, module: ModuleType) -> str:
    """What was probably meant by a name that the module does not have; empty where nothing is close."""
    difflib = importlib.import_module("difflib")  # takes time to import, and is hardly ever needed
    close: list[str] = difflib.get_close_matches(name, vars(module), 1)
    return f"; did you mean {close[0]}?" if close else ""
