"""The Python door: a table in, a run out. The same configuration, checks and run folder as the
command.

Reached as ``gnnseg.interactions``, ``gnnseg.train``, ``gnnseg.choose_k`` and ``gnnseg.load``;
nothing here prints, exits or seeds a global generator.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from gnnseg.data.raw import Raw
from gnnseg.runs import processes
from gnnseg.runs.run import Run
from gnnseg.types import InputError

if TYPE_CHECKING:
    from gnnseg.runs.choice import ChosenK

LOG = logging.getLogger("gnnseg")
CHOICES: dict[str, tuple[str | None, ...]] = {
    "on_error": ("fail", "drop"),
    "zeros": (None, "keep", "drop"),
    "missing_ids": ("drop", "keep", "fail"),
    "returns": (None, "keep", "drop", "subtract"),
    "decimal": (None, "point", "comma"),
    "dates": (None, "dmy", "mdy", "ymd"),
}
PATH_SAFE = r"[\w.-]+"


def interactions(
    table: Any, *,
    user: str = "user", item: str = "item", weight: str | None = None, time: str | None = None,
    spend: str | None = None, order: str | None = None, event: str | None = None,
    keep: str | Mapping[str, float] | None = None, price: str | None = None,
    quantity: str | None = None,
    users: Any = None, users_id: str | None = None, items: Any = None,
    items_id: str | None = None, item_title: str | None = None, social: Any = None,
    relations: Sequence[Mapping[str, Any]] = (), log: Any = None,
    decimal: Literal["point", "comma"] | None = None,
    dates: Literal["dmy", "mdy", "ymd"] | None = None,
    returns: Literal["keep", "drop", "subtract"] | None = None,
    time_as: str | None = None, zeros: Literal["keep", "drop"] | None = None,
    missing_ids: Literal["drop", "keep", "fail"] = "drop",
    on_error: Literal["fail", "drop"] = "fail", basket: str | None = None,
    unique: str | None = None, name: str = "table",
) -> Raw:  # fmt: skip
    """Return interactions, a row an event, of a pandas, polars or arrow table or named arrays.

    Args:
        table: The events.
        user: Users' ids; so ``item``, ``weight``, ``time`` ('Date,Time' of two), ``spend``.
        order: Of lines that are one visit; None: those of a user at one time.
        event: Of kinds of events; ``keep``: 'purchase', or with weights {'view': 1, 'purchase': 5}.
        price: Where spend is price times ``quantity``, or times the weight.
        users: Attributes of users by id; so ``items``.
        users_id: The column of ``users``, or the name of its index, that holds the ids; None: found
            by its name and its values. So ``items_id`` of ``items``.
        item_title: The column of ``items``, or else of the events, that people read.
        social: Ties: user, user[, weight].
        relations: Typed edges, each {'name': 'made by', 'source_kind': 'item', 'target_kind':
            'brand', 'edges': table of source, target[, weight]}; a kind is user, item, or your own.
        log: What was shown, a row an item: user, item, reward[, propensity, slate, position].
        decimal: Of columns of text, given where only one reading fits; so ``dates``.
        returns: Negative weights: refused (None), kept, dropped, or taken off earlier purchases.
        time_as: 'excel', 'milliseconds' … or '%Y%m%d%H'; 'any': detected; None: asked if odd.
        zeros: Events of weight 0 are kept or dropped; None: dropped of labels 0 and 1, or asked.
        missing_ids: Rows of nobody (no id, NULL, the id of all guests): 'drop' counts them.
        on_error: 'fail' at a row that cannot be read, or 'drop' and count it.
        basket: What stands between the items of a cell, each then an event; 'list' of lists.
        unique: Columns that tell order lines apart ('order,line'); each counts once.
        name: What the names of run folders begin with.

    Raises:
        InputError: The table cannot be read; with the row.
    """
    choices = {"on_error": on_error, "returns": returns, "decimal": decimal, "dates": dates}
    choices |= {"zeros": zeros, "missing_ids": missing_ids}
    _check_choices(name, choices)
    columns = {
        "user": user, "item": item, "weight": weight, "time": time, "spend": spend,
        "order": order, "event": event, "price": price, "quantity": quantity,
        "title": item_title if items is None else None,
    }  # fmt: skip
    beside = {
        "users": users, "items": items, "social": social, "log": log, "relations": relations,
        "users_id": users_id, "items_id": items_id, "item_title": item_title,
    }  # fmt: skip
    more: dict[str, Any] = {"basket": basket, "unique": unique, "keep": keep, "time_as": time_as}
    return _read(name, table, columns, beside, **more, **choices)


def _check_choices(name: str, choices: Mapping[str, str | None]) -> None:
    if not re.fullmatch(PATH_SAFE, name):
        raise InputError(
            f"name={name!r}: it begins the names of folders; use letters, digits, '.', '_' and '-' "
            "alone."
        )
    for key, value in choices.items():
        if value not in CHOICES[key]:
            allowed = ", ".join(map(repr, CHOICES[key]))
            raise InputError(f"{key}={value!r}: it is one of {allowed}.")


def _read(
    name: str,
    table: Any,
    columns: Mapping[str, str | None],
    beside: Mapping[str, Any],
    *,
    unique: str | None,
    decimal: Any,
    **choices: Any,
) -> Raw:
    """Read the events by their ``columns``, and the tables ``beside`` them, where there are any."""
    from gnnseg.data.tables import doors, fields, files, joined, orders
    from gnnseg.data.tables.beside import TablesBeside, sheet_of

    processes.refuse_lost_threads()
    events = joined.added_to(sheet_of(table, name), columns.get("time"))
    with doors.errors_said(doors.argument):
        needed = {role: name for role, name in columns.items() if name or role in ("user", "item")}
        columns = {**needed, **orders.chosen(events.frame.columns, orders.columns(unique))}
        fields.named(events.path, events.frame.columns, columns)
        frame = events.frame.select(
            **{role: pl.col(column) for role, column in columns.items() if column is not None}
        )
        said = [f"{name}: {len(frame):,} rows"]
        return files.assemble(
            name, replace(events, frame=frame, index=None), said, _log, decimal=decimal, **choices,
            beside=TablesBeside(open=sheet_of, edges_key="edges", decimal=decimal, **beside),
        )  # fmt: skip


def train(
    data: Raw | str,
    overrides: Sequence[str] = (),
    *,
    seed: int | None = None,
    config_dir: Path | str | None = None,
    fresh: bool = False,
) -> Run:
    """Train, or find the same run again finished, or go on with it; return the finished run.

    What the command would say goes to the logger ``gnnseg``.

    Args:
        data: What ``interactions`` returns, the name of a set (``'ml-100k'``), or a file that the
            command has written (``'./orders.yaml'``).
        overrides: As on the command line: ``['encoder=lightgcn', 'head.segments=16']``.
        seed: Of every draw but the split's.
        config_dir: More configuration of your own.
        fresh: Whether to begin again what stands there.

    Raises:
        InputError: A mistake that the user can mend.
        KeyboardInterrupt: Training was stopped, and is saved: the same call goes on.
    """
    from gnnseg.runs import train as pipeline
    from gnnseg.training.loop import Interrupted

    given = _composed(data, overrides, seed, config_dir)
    try:
        result = pipeline.train(
            given.config, say=_log, fresh=fresh, raw=given.raw, progress=_lines()
        )
    except Interrupted as stop:
        raise KeyboardInterrupt(str(stop)) from None
    return Run.load(result.path)


def choose_k(
    data: Raw | str,
    overrides: Sequence[str] = (),
    *,
    segments: Sequence[int] | None = None,
    refits: int = 3,
    price: bool = True,
    seed: int | None = None,
    config_dir: Path | str | None = None,
    fresh: bool = False,
) -> ChosenK:
    """Recommend a number of segments by validation and by what comes back in refits.

    Each K is a run as ``train`` makes it, found again where it stands; so is each refit. What the
    command would say goes to the logger ``gnnseg``.

    Args:
        data: As in ``train``; so ``overrides`` (but for head.segments), ``seed``, ``config_dir``.
        segments: The K to try; None: 2, 3, 4, 6, 8, 12, 16, 24, 32, as far as the data bear it.
        refits: How often each run is fitted again, on nine tenths of every user's training events.
        price: Whether to train ``head=dot`` too, and say which share of its ndcg is reached.
        fresh: Whether to train and refit again what stands there.

    Returns:
        ``segments``, the recommended K; ``reason``; ``table``, a row a K; ``run()``, its run.

    Raises:
        InputError: A mistake that the user can mend.
        KeyboardInterrupt: Training was stopped, and is saved: the same call goes on.
    """
    from gnnseg.runs import candidates
    from gnnseg.runs.choose_k import choose
    from gnnseg.training.loop import Interrupted

    given = _composed(data, overrides, seed, config_dir)
    candidates.refuse_words(given.words)
    dot = candidates.WithoutSegments(None, "price=False")
    if price:
        dot = candidates.without_segments(given.config, given.words, given.folders)
    try:
        return choose(
            given.config, segments=segments, count=refits, dot=dot, say=_log, fresh=fresh,
            raw=given.raw, shown=_lines(),
        )  # fmt: skip
    except Interrupted as stop:
        raise KeyboardInterrupt(str(stop)) from None


def _lines() -> bool:
    """Return whether lines about long work go to the logger; a bar is the command's alone."""
    return not sys.stderr.isatty()


@dataclass(frozen=True)
class _Composed:
    """A checked configuration, and what it came of.

    ``raw``: the interactions, where they were handed over; ``words``: the overrides; ``folders``:
    where groups are looked for beside ours.
    """

    config: dict[str, Any]
    raw: Raw | None
    words: list[str]
    folders: list[Path]


def _composed(
    data: Raw | str, overrides: Sequence[str], seed: int | None, config_dir: Path | str | None
) -> _Composed:
    """Compose and check the configuration of what was given; InputError where it cannot be."""
    from gnnseg import config as configuration
    from gnnseg.data.tables import saved
    from gnnseg.runs.configured import check_here

    processes.refuse_lost_threads()
    raw = data if isinstance(data, Raw) else None
    _check_arguments(data, overrides, config_dir)
    chosen = [
        f"data={'given' if raw else data}",
        *overrides,
        *([] if seed is None else [f"seed={seed}"]),
    ]
    chosen_data = saved.resolve(chosen[:1], saved.cache_root(overrides), say=_log)
    folders = [*([] if config_dir is None else [Path(config_dir)]), *chosen_data.folders]
    words = [*chosen_data.arguments, *chosen[1:]]
    config = configuration.compose(words, folders)
    if raw is not None:
        config["data"]["name"] = raw.name
    check_here(config)
    return _Composed(config, raw, words, folders)


def _check_arguments(data: object, overrides: Sequence[str], config_dir: object) -> None:
    if not isinstance(data, Raw | str):
        kind = type(data).__name__
        raise InputError(
            f"data: is a {kind}; make it by gnnseg.interactions(…), or give the name of a set, "
            "'ml-100k'."
        )
    if isinstance(overrides, str):
        raise InputError(f"overrides: is a text; write a list, [{overrides!r}].")
    if config_dir is not None and not Path(str(config_dir)).is_dir():
        raise InputError(f"config_dir {config_dir}: no such folder.")
    for override in overrides:
        if not isinstance(override, str) or "=" not in override:
            raise InputError(
                f"{override!r}: is no override; write key=value, such as 'head.segments=16'."
            )
        if re.match(r"[+~]*data=", override):
            raise InputError(f"{override}: the data are given already; leave it out.")


def load(path: Path | str) -> Run:
    """Return a finished run; neither its data nor the device it was trained on is needed.

    Args:
        path: Its folder.

    Raises:
        InputError: This is no run folder, or the run has not finished.
    """
    return Run.load(path)


def _log(line: str) -> None:
    LOG.info("%s", line)
