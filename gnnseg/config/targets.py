"""What a ``_target_`` names, the types of its settings, and the object a node describes."""

from __future__ import annotations

import importlib
import inspect
import math
import sys
import traceback
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from gnnseg.config.names import refusal
from gnnseg.config.stable import current

FOREIGN = ("torch.optim.", "torch.optim.lr_scheduler.", "torch_geometric.nn.")


def locate(path: str, where: str, allow: list[str]) -> Any:
    """Return the class or function a ``_target_`` names, if it may be named.

    Args:
        path: The target's dotted path.
        where: The place of the node, for the message.
        allow: Packages beside ours that may be named.

    Raises:
        InputError: It may not be named, or is not there.
    """
    packages = ("gnnseg", *allow)
    if not (path.startswith(FOREIGN) or path.split(".")[0] in packages):
        raise refusal(
            f"{where}._target_={path}: not an allowed target; say allow=[{path.split('.')[0]}] if "
            "you trust that package."
        )
    module, _, name = current(path).rpartition(".")
    if not module:
        raise refusal(f"{where}._target_={path}: names no class; write PACKAGE.MODULE.CLASS.")
    try:
        home = importlib.import_module(module)
    except ImportError as error:
        raise refusal(
            f"{where}._target_={path}: cannot be imported ({error}); check the name and that the "
            "package can be found."
        ) from None
    except Exception as error:  # whatever somebody's own module raises while it is imported
        if isinstance(error, type(refusal("."))):  # a sentence of ours about a class in it
            raise
        raise refusal(
            f"{where}._target_={path}: {module} cannot be imported: {type(error).__name__}: "
            f"{error}{_line_of(error)}; mend that line."
        ) from error
    if not hasattr(home, name):
        raise refusal(f"{where}._target_={path}: {module} has no {name}; check the name.")
    return getattr(home, name)


def _line_of(error: Exception) -> str:
    """Return where an error was raised, ' (FILE, line N)'; a SyntaxError says so itself."""
    frames = traceback.extract_tb(error.__traceback__)
    last = None if isinstance(error, SyntaxError) or not frames else frames[-1]
    return "" if last is None else f" ({last.filename}, line {last.lineno})"


def parameter_types(target: Any) -> dict[str, Any]:
    """Return the types of a target's parameters, as far as they can be resolved."""
    function = target.__init__ if inspect.isclass(target) else target
    home = getattr(function, "__module__", target.__module__)  # object's own constructor has none
    scope = vars(sys.modules[home]) if home in sys.modules else {}
    if inspect.isclass(target) and home != target.__module__:
        scope = vars(sys.modules[target.__module__])
    found = {}
    for name, parameter in inspect.signature(target).parameters.items():
        hint = parameter.annotation
        if isinstance(hint, str):
            try:
                hint = eval(hint, dict(scope), dict(vars(typing)))
            except NameError:
                continue
        if hint is not parameter.empty:
            found[name] = hint
    return found


def fits(value: Any, hint: Any) -> bool:
    """Return whether a plain value is of a type.

    A whole number is a float too; a bool is no number; NaN and infinity are nothing.
    """
    origin = typing.get_origin(hint)
    if hint is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, part) for part in typing.get_args(hint))
    if origin is Literal:
        return any(
            value == allowed and type(value) is type(allowed) for allowed in typing.get_args(hint)
        )
    if hint is None or hint is type(None):
        return value is None
    if hint is bool:
        return isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is float:
        return (
            isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        )
    if hint is str:
        return isinstance(value, str)
    if origin in (list, tuple, Sequence):
        parts = typing.get_args(hint)
        return (
            isinstance(value, list) and all(fits(item, parts[0]) for item in value)
            if parts
            else isinstance(value, list)
        )
    if origin is dict or hint is dict:
        return isinstance(value, dict)
    return True  # a foreign type: its own constructor says


def described(hint: Any) -> str:
    """Return a type in words."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(described(part) for part in typing.get_args(hint))
    if origin is Literal:
        return "one of " + ", ".join(str(value) for value in typing.get_args(hint))
    if origin in (list, Sequence):
        return f"a list, each item {described(typing.get_args(hint)[0])}"
    if origin is dict or hint is dict:
        return "names with values, {name: value, …}"
    words = {
        int: "a whole number",
        float: "a finite number",
        bool: "true or false",
        str: "text",
        type(None): "null",
        None: "null",
    }
    return words.get(hint, str(getattr(hint, "__name__", hint)))


def build(node: Mapping[str, Any], *positional: Any) -> Any:
    """Return what a checked node describes: its target called with its own settings.

    Args:
        node: ``_target_`` and keyword arguments.
        positional: What the pipeline gives.
    """
    module, _, name = current(str(node["_target_"])).rpartition(".")
    target = getattr(importlib.import_module(module), name)
    return target(*positional, **{key: value for key, value in node.items() if key != "_target_"})
