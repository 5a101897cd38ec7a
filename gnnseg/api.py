"""The Python door: a table in, a run out. The same configuration, checks and run folder as the
command.

Reached as ``gnnseg.interactions``, ``gnnseg.train`` and ``gnnseg.load``; nothing here prints, exits
or seeds a global generator.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import polars as pl

from gnnseg.data.raw import Raw
from gnnseg.runs.run import Run
from gnnseg.types import InputError

LOG = logging.getLogger("gnnseg")
CHOICES: dict[str, tuple[str | None, ...]] = {
    "on_error": ("fail", "drop"),
    "returns": (None, "keep", "drop", "subtract"),
    "decimal": (None, "point", "comma"),
    "dates": (None, "dmy", "mdy", "ymd"),
}
PATH_SAFE = r"[\w.-]+"


def interactions(
    table: Any,
    *,
    user: str = "user",
    item: str = "item",
    weight: str | None = None,
    time: str | None = None,
    spend: str | None = None,
    users: Any = None,
    items: Any = None,
    item_title: str | None = None,
    social: Any = None,
    relations: Sequence[Mapping[str, Any]] = (),
    log: Any = None,
    decimal: Literal["point", "comma"] | None = None,
    dates: Literal["dmy", "mdy", "ymd"] | None = None,
    returns: Literal["keep", "drop", "subtract"] | None = None,
    on_error: Literal["fail", "drop"] = "fail",
    name: str = "table",
) -> Raw:
    """Interactions from a pandas, polars or arrow table, or a mapping of arrays; one row an event,
    pairs may repeat.

    ``user``, ``item``, ``weight``, ``time``, ``spend`` name columns. ``users``, ``items``: tables
    of attributes, by a column ``id`` or their first; ``item_title``: the column of ``items``, or
    else of the interactions, that people read. ``social``: user, user[, weight]. ``relations``:
    typed edges, each {'name': 'made by', 'source_kind': 'item', 'target_kind': 'brand', 'edges':
    table of source, target[, weight]}; a kind is user, item, or one of your own. ``log``: what was
    shown, a row an item: user, item, reward[, propensity, slate, position]. ``decimal``, ``dates``:
    of columns of text, told where only one reading fits. ``returns``: events of negative weight are
    refused (None), kept, dropped, or taken off the purchases before them. ``on_error``: 'fail' at a
    row that cannot be read, or 'drop' and count it. ``name`` begins the names of run folders.
    InputError, with the row, where the table cannot be read.
    """
    from gnnseg.data import logs
    from gnnseg.data.tables import doors, fields, files, frames
    from gnnseg.data.tables.formats import Sheet

    if not re.fullmatch(PATH_SAFE, name):
        raise InputError(
            f"name={name!r}: it begins the names of folders; use letters, digits, '.', '_' and '-' "
            "alone."
        )
    for key, value in (
        ("on_error", on_error),
        ("returns", returns),
        ("decimal", decimal),
        ("dates", dates),
    ):
        allowed = CHOICES[key]
        if value not in allowed:
            raise InputError(f"{key}={value!r}: it is one of {', '.join(map(repr, allowed))}.")

    def sheet(given: Any, what: str) -> Sheet:
        return Sheet(Path(what), frames.read(given, what), 1, unit="row")

    events = sheet(table, name)
    columns = {"user": user, "item": item, "weight": weight, "time": time, "spend": spend}
    if items is None and item_title is not None:
        columns["title"] = item_title
    wanted = {role: column for role, column in columns.items() if column is not None}
    with doors.errors_said(doors.argument):
        fields.named(events.path, events.frame.columns, wanted)
        frame = events.frame.select(**{role: pl.col(column) for role, column in wanted.items()})
        return files.assemble(
            name, replace(events, frame=frame), [f"{name}: {len(frame):,} rows"], _log,
            on_error=on_error, decimal=decimal, dates=dates, returns=returns,
            users=None if users is None else files.attribute_table(sheet(users, "users")),
            items=None if items is None else files.attribute_table(sheet(items, "items"), title=item_title),
            social=None if social is None else files.edge_table(sheet(social, "social"), "social ties"),
            log=None if log is None else logs.read(sheet(log, "log"), propensity=False, decimal=decimal),
            relations=tuple(files.relation(n, "edges", lambda given, what: files.edge_table(sheet(given, what), what)) for n in relations),
        )  # fmt: skip


def train(
    data: Raw | str,
    overrides: Sequence[str] = (),
    *,
    seed: int | None = None,
    config_dir: Path | str | None = None,
    fresh: bool = False,
) -> Run:
    """Train, or find the same run again finished, or go on with it; the finished run.

    ``data``: what ``interactions`` returns, the name of a set (``'ml-100k'``), or a file that the
    command has written (``'./orders.yaml'``). ``overrides`` as on the command line
    (``['encoder=lightgcn', 'head.segments=16']``); ``config_dir``: more configuration of your own.
    What the command would say goes to the logger ``gnnseg``. InputError for a user's mistake;
    KeyboardInterrupt where training was stopped, which is saved: the same call goes on.
    """
    from gnnseg import config as configuration
    from gnnseg.data.tables import saved
    from gnnseg.runs import train as pipeline
    from gnnseg.training.loop import Interrupted

    raw = data if isinstance(data, Raw) else None
    if raw is None and not isinstance(data, str):
        kind = type(data).__name__
        raise InputError(
            f"data: is a {kind}; make it by gnnseg.interactions(…), or give the name of a set, "
            "'ml-100k'."
        )
    if isinstance(overrides, str):
        raise InputError(f"overrides: is a text; write a list, [{overrides!r}].")
    if config_dir is not None and not Path(config_dir).is_dir():
        raise InputError(f"config_dir {config_dir}: no such folder.")
    chosen = [
        f"data={'given' if raw else data}",
        *overrides,
        *([] if seed is None else [f"seed={seed}"]),
    ]
    for override in overrides:
        if not isinstance(override, str) or "=" not in override:
            raise InputError(
                f"{override!r}: is no override; write key=value, such as 'head.segments=16'."
            )
        if re.match(r"[+~]*data=", override):
            raise InputError(f"{override}: the data are given already; leave it out.")
    chosen_data = saved.resolve(chosen[:1], saved.cache_root(overrides), say=_log)
    folders = [*([] if config_dir is None else [Path(config_dir)]), *chosen_data.folders]
    config = configuration.compose([*chosen_data.arguments, *chosen[1:]], folders)
    if raw is not None:
        config["data"]["name"] = raw.name
    configuration.check(config)
    try:
        result = pipeline.train(config, say=_log, fresh=fresh, raw=raw, progress=False)
    except Interrupted as stop:
        raise KeyboardInterrupt(str(stop)) from None
    return Run.load(result.path)


def load(path: Path | str) -> Run:
    """A finished run from its folder; neither its data nor the device it was trained on is needed."""
    return Run.load(path)


def _log(line: str) -> None:
    LOG.info("%s", line)
