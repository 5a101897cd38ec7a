"""A table's declaration from ``table.yaml``, read strictly."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gnnseg.report import chosen
from gnnseg.report.declared import strict
from gnnseg.report.declared.declaration import (
    Declaration,
    DeclaredData,
    DeclaredMetric,
    DeclaredRow,
    Expected,
)
from gnnseg.report.declared.strict import Strict
from gnnseg.types import InputError, space

Spaces = Callable[[str, Sequence[Path]], Mapping[str, Any]]
Named = Callable[[str], Mapping[str, Any]]
FILE = "table.yaml"
PROTOCOLS = ("clean", "paper", "train-mask")
SHARE = re.compile(r"(test|valid)/(precision|recall|f1|ndcg|hit|mrr|map)(_\w+)?@")  # 0 to 1
OURS = ("seed", "split.seed", "runs.root", "evaluation.protocol")  # said by keys of their own


def read(folder: Path, spaces: Spaces | None = None) -> Declaration:
    """Return the declaration of an experiment's folder, or of its table.yaml.

    Args:
        folder: The folder, or the file.
        spaces: Returns a space of conf/hparams by its name, which may stand in the folders that are
            named second; None: none is known.

    Raises:
        InputError: It is not there, or something in it cannot be meant.
    """
    folder = folder.parent if folder.name == FILE else folder
    top = strict.read(folder / FILE)
    title = top.take("title", str, folder.resolve().name)
    overrides = _overrides(top, "overrides")
    protocol = _protocol(top, None)
    seeds, split_seeds = _seeds(top, (0,)), top.take("split_seeds", bool, False)
    within = top.within("tolerance", 0, math.inf, float, None)
    trials = top.within("trials", 1, math.inf, int, 8)
    data = tuple(_data(each, protocol, seeds, split_seeds) for each in top.each("data"))
    metrics = tuple(_metric(each) for each in top.each("metrics", "name"))
    _distinct(top, "data", [each.label for each in data])
    _distinct(top, "metrics", [each.name for each in metrics])
    _distinct(top, "metrics", [each.label for each in metrics])
    known = [each.label for each in data], [each.name for each in metrics]
    conf = top.take("conf", str, None)
    if conf is not None and not (folder / conf).is_dir():
        raise top.error("conf", f"{folder / conf} is no folder; name one beside {FILE}.")

    def named(name: str) -> Mapping[str, Any]:
        if spaces is None:
            raise InputError(f"{name}: spaces are not known by name here; write its settings.")
        return spaces(name, [] if conf is None else [folder / conf])

    rows = tuple(_row(each, *known, within, trials, named) for each in top.each("rows"))
    _distinct(top, "rows", [row.label for row in rows])
    _refuse_choice_on_the_test(top, rows, data)
    top.end()
    return Declaration(
        folder=folder, title=title, conf=None if conf is None else folder / conf,
        overrides=overrides, trials=trials, data=data, metrics=metrics, rows=rows,
    )  # fmt: skip


def _refuse_choice_on_the_test(
    top: Strict, rows: Sequence[DeclaredRow], data: Sequence[DeclaredData]
) -> None:
    for row in rows:
        for each in data:
            if row.trials and each.protocol == "paper" and each.label in (row.only or [each.label]):
                raise top.error(
                    "rows",
                    f"{row.label!r}: under protocol paper a space would be chosen from on the test "
                    f"of {each.label}; leave that set out by only:, or choose another protocol.",
                )


def _data(
    node: Strict, protocol: str | None, seeds: tuple[int, ...], split_seeds: bool
) -> DeclaredData:
    label = _label(node, "label")
    found = DeclaredData(
        label=label,
        overrides=_overrides(node, "overrides", (f"data={label}",)),
        protocol=_protocol(node, protocol),
        seeds=_seeds(node, seeds),
        split_seeds=node.take("split_seeds", bool, split_seeds),
    )
    node.end()
    return found


def _metric(node: Strict) -> DeclaredMetric:
    name = _label(node, "name")
    ranked = name.startswith(("test/", "valid/"))
    less = chosen.less_is_better(name)
    found = DeclaredMetric(
        name=name,
        label=str(node.take("label", str, name.removeprefix("test/"))),
        better=node.choice(
            "better",
            ("more", "less", "neither"),
            ("less" if less else "more") if ranked else "neither",
        ),
        digits=node.within("digits", 0, 12, int, 4),
    )
    node.end()
    return found


def _row(
    node: Strict, data: list[str], metrics: list[str], within: float | None, trials: int,
    named: Named,
) -> DeclaredRow:  # fmt: skip
    label = _label(node, "label")
    figures = {
        at: _figure(node, "figures", at[1], value)
        for at, value in _by(node, "figures", data, metrics)
    }
    source = str(node.take("source", str, ""))
    if bool(figures) != bool(source):
        lacking, why = ("source", "its figures") if figures else ("figures", "its source")
        raise node.error(lacking, f"is missing; a published row needs it beside {why}.")
    special = node.mapping("special")
    for name in special:
        _known(node, "special", name, data)
    below = node.below("special", special)
    found = DeclaredRow(
        label=label,
        overrides=_overrides(node, "overrides"),
        special={name: _overrides(below, name) for name in special},
        only=tuple(node.list_of("only", str, [])),
        ours=node.take("ours", bool, False),
        trials=_space(node, trials, named),
        source=source,
        figures=figures,
        expected={
            at: _expected(node, at[1], value, within)
            for at, value in _by(node, "expected", data, metrics)
        },
    )
    for name in found.only:
        _known(node, "only", name, data)
    if source and (found.overrides or special or found.trials or found.expected or found.ours):
        raise node.error("source", "a published row is not run; leave its settings out.")
    node.end()
    return found


def _by(
    node: Strict, key: str, data: list[str], metrics: list[str]
) -> Iterator[tuple[tuple[str, str], Any]]:
    """Yield what stands in a mapping of data sets and metrics."""
    for name, beneath in node.mapping(key).items():
        _known(node, key, name, data)
        inside = node.below(key, {name: beneath})
        for metric, value in inside.mapping(name).items():
            _known(node, f"{key}.{name}", metric, metrics)
            yield (name, metric), value


def _figure(node: Strict, key: str, metric: str, value: Any) -> float:
    """Return a figure of a metric; a share may not be written as a per cent."""
    found = node.number(key, value)
    if found > 1 and SHARE.match(metric):
        raise node.error(
            key, f"{metric} is {found:g}, and lies between 0 and 1; write a per cent as a share."
        )
    return found


def _expected(node: Strict, metric: str, value: Any, within: float | None) -> Expected:
    if not isinstance(value, dict):
        figure = _figure(node, "expected", metric, value)
        if within is None:
            raise node.error(
                "expected", "has no tolerance; write {value: …, within: …}, or tolerance: for all."
            )
        return Expected(value=figure, within=within, least=None)
    inside = node.below("expected", value)
    least = inside.take("least", float, None)
    mean = None if least is not None else inside.take("value", float)
    for key, given in (("least", least), ("value", mean)):
        if given is not None:
            _figure(inside, key, metric, given)
    tolerance = inside.within("within", 0, math.inf, float, within)
    inside.end()
    if least is None and tolerance is None:
        raise inside.error("within", "is missing; write how far the figure may be off.")
    return Expected(value=mean, within=tolerance or 0.0, least=least)


def _space(node: Strict, most: int, named: Named) -> tuple[tuple[str, ...], ...]:
    """Return the settings to choose from: those of a list, or of a space.

    Of a space with more than ``most`` so many are drawn, always the same.
    """
    value = node.any("space", {})
    if isinstance(value, list):
        listed = tuple(_overrides(node.below("space", {"space": e}), "space") for e in value)
        if len(listed) > most:
            raise node.error("space", f"lists {len(listed)} settings, and trials: is {most}.")
        return listed
    if isinstance(value, str):
        try:
            value = named(value)
        except InputError as error:
            raise node.error("space", str(error)) from None
    given = node.below("space", {"space": value}).mapping("space")
    try:
        found = space.of(given)
    except InputError as error:
        key, _, sentence = str(error).partition(": ")
        raise node.error(f"space.{key}", sentence) from None
    for corner in found.corners()[:1]:
        _overrides(node.below("space", {"space": list(corner)}), "space")
    return found.drawn(most) if found.values else ()


def _overrides(node: Strict, key: str, default: Sequence[str] = ()) -> tuple[str, ...]:
    found = node.list_of(key, str, list(default))
    for word in found:
        name = word.partition("=")[0].lstrip("+~")
        if "=" not in word:
            raise node.error(key, f"{word!r} is no setting; write key=value.")
        if name in OURS:
            own = {"seed": "seeds:", "split.seed": "split_seeds: true", "runs.root": "--root"}
            raise node.error(key, f"{word!r}: say that by {own.get(name, 'protocol:')}.")
    return tuple(found)


def _protocol(node: Strict, default: str | None) -> str | None:
    found: str | None = node.take("protocol", str, default)
    if found is not None and found not in PROTOCOLS:
        raise node.error("protocol", f"{found!r} is none of {', '.join(PROTOCOLS)}.")
    return found


def _seeds(node: Strict, default: tuple[int, ...]) -> tuple[int, ...]:
    found = node.list_of("seeds", int, list(default))
    if not found:
        raise node.error("seeds", "is empty; write one at least.")
    if min(found) < 0:
        raise node.error("seeds", f"holds {min(found)}; write 0 or more.")
    _distinct(node, "seeds", found)
    return tuple(found)


def _label(node: Strict, key: str) -> str:
    found = str(node.take(key, str)).strip()
    if not found:
        raise node.error(key, "is empty; write a text.")
    return found


def _known(node: Strict, key: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise node.error(key, f"{name!r} is none of {', '.join(known)}.")


def _distinct(node: Strict, key: str, names: Sequence[Any]) -> None:
    for at, name in enumerate(names):
        if name in names[:at]:
            raise node.error(key, f"{name!r} stands twice; labels and names tell entries apart.")
