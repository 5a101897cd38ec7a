"""One node of a configuration, compared with the signature of what it names.

Plain YAML lets ``layers=abc`` through; a target's signature does not.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from gnnseg.config.names import NEEDLESS, meant, refusal
from gnnseg.config.targets import FOREIGN, described, fits, locate, parameter_types


def check_node(
    where: str,
    node: Any,
    allow: Sequence[str],
    *,
    beside: Sequence[str] = (),
    base: Any = None,
) -> Any:
    """Return what a node's ``_target_`` names, or refuse what the node cannot mean.

    A part has exactly the keyword-only parameters of its target as settings (torch's and PyG's a
    subset of the parameters), each of its annotated type, whoever wrote it.

    Args:
        where: The node's dotted place, such as ``encoder`` or ``regularisers.l2``.
        node: ``_target_`` and the settings.
        allow: Packages beside ours whose components may be named.
        beside: Keys that are taken off before the part is built, such as a regulariser's weight.
        base: What the target must be or derive from: a class, or its dotted path; None: anything
            that can be called.

    Raises:
        InputError: An unknown, missing or ill-typed setting, or a target that may not stand here.
    """
    group = where.split(".")[0]
    if not isinstance(node, Mapping) or "_target_" not in node:
        raise refusal(
            f"{where}: has no _target_; choose one of conf/{group}, or begin a file of your own "
            "with the defaults of one of them, such as 'defaults: [default, _self_]'."
        )
    target = _target(where, str(node["_target_"]), allow, base)
    foreign = str(node["_target_"]).startswith(FOREIGN)
    parameters = inspect.signature(target).parameters
    takes = [
        name
        for name, parameter in parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
        or (foreign and parameter.kind is parameter.POSITIONAL_OR_KEYWORD)
    ]
    given = {key: value for key, value in node.items() if key != "_target_"}
    for key in given:
        if key not in takes and key not in beside:
            if not foreign and key in parameters:
                raise refusal(
                    f"{where}.{key}: is no keyword-only argument of {target.__name__}; write it "
                    "behind a '*' there: what stands before it is given by the run."
                )
            known = [f"{where}.{name}" for name in (*takes, *beside)]
            raise refusal(f"{where}.{key}: no such setting; {meant(f'{where}.{key}', known)}")
    for key in () if foreign else (*takes, *beside):
        if key not in given and not (key in beside and key in NEEDLESS):
            raise refusal(f"{where}.{key}: is missing; conf/{group} gives its default.")
    hints = parameter_types(target)
    for key, value in given.items():
        if key in hints:
            check_value(f"{where}.{key}", value, hints[key])
    return target


def _target(where: str, path: str, allow: Sequence[str], base: Any) -> Any:
    """Return what ``path`` names, where it can be called and is what belongs here."""
    target = locate(path, where, list(allow))
    if not callable(target):
        raise refusal(f"{where}._target_={path}: is no class or function; name one.")
    if base is None:
        return target
    base = locate(base, where, []) if isinstance(base, str) else base
    derived = inspect.isclass(base) and inspect.isclass(target) and issubclass(target, base)
    if target is not base and not derived:
        needed = f"{base.__module__}.{base.__qualname__}"
        instead = f"name {needed}" + (" or a class derived from it" * inspect.isclass(base))
        raise refusal(f"{where}._target_={path}: cannot stand here; {instead}.")
    if inspect.isabstract(target):
        open_ones = ", ".join(sorted(target.__abstractmethods__))
        raise refusal(f"{where}._target_={path}: lacks {open_ones}; define it in that class.")
    return target


def check_allow(allow: Any) -> list[str]:
    """Return the packages that ``allow`` names, or refuse what is no list of names."""
    if isinstance(allow, list) and all(isinstance(name, str) for name in allow):
        return allow
    one = allow if isinstance(allow, str) and allow.isidentifier() else "mylab"
    raise refusal(f"allow={allow!r}: give a list of package names, such as allow=[{one}].")


def check_value(where: str, value: Any, hint: Any) -> None:
    """Refuse a setting's value that is not of its type."""
    if not fits(value, hint):
        advice = (
            f"; {_of_text(where)}" if isinstance(value, str) and _fits_unquoted(value, hint) else ""
        )
        problem = f"must be {described(hint)}{advice}"
        raise refusal(where=where, value=repr(value), problem=problem)


def _fits_unquoted(text: str, hint: Any) -> bool:
    """Return whether a text would fit if it were no text: '3' as a number."""
    try:
        plain = yaml.safe_load(text)
    except yaml.YAMLError:
        return False
    return not isinstance(plain, str) and fits(plain, hint)


def _of_text(where: str) -> str:
    """Return what to do about a number that came as text, as a variable of the environment does."""
    return (
        f"it is text: leave quotes out, and write a variable of the environment as {where}=$NAME, "
        f"or decoded, '{where}=\"${{oc.decode:${{oc.env:NAME}}}}\"'"
    )
