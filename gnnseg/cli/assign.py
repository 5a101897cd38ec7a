"""Give segments and lists to people who were not in training, by what is known of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gnnseg.cli.arguments import (
    LINES,
    add_columns,
    add_form,
    add_lists,
    add_out,
    add_own_forms,
    add_run,
    item_filters,
    open_run,
    own_form,
)
from gnnseg.cli.command import say


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a run, what is known of new users, and where their segments and lists go."""
    add_run(parser)
    add = parser.add_argument
    add(
        "file",
        metavar="FILE",
        nargs="?",
        help="their interactions: user, item[, weight, time, spend, order]",
    )
    add_columns(parser)
    add_form(parser)
    add(
        "--on-error",
        choices=["fail", "drop"],
        default="fail",
        help="a row that cannot be read: fail, or drop (leave it out and count it)",
    )
    add(
        "--users",
        metavar="FILE",
        help="their attributes by id, of the columns the run was trained on",
    )
    add("--users-id", metavar="COLUMN", help="the column of ids in --users")
    add(
        "--social",
        metavar="FILE",
        help="their friends among the run's users: user, user[, weight]",
    )
    add_own_forms(parser, ("users", "social"))
    add_lists(parser)
    add("--lists", metavar="FILE", help="write their recommendations too, K items each")
    add_out(parser, "write segments and alpha to .csv, .parquet or .jsonl instead of a table")


def call(options: argparse.Namespace) -> None:
    """Print the new users' segments (of a run without segments, their lists), or write them."""
    from gnnseg.report import scores, tables
    from gnnseg.types import InputError

    if not (options.file or options.users or options.social):
        raise InputError("assign: give a FILE of interactions, --users FILE or --social FILE.")
    run = open_run(options)
    who = _new_users(options, run.stored.known)
    lists = run.stream(who, options.k, options.seen, **item_filters(options, run))
    if options.lists:
        print(run.write(lists, options.lists, excel=options.excel))
    if not run.stored.has_segments:
        if not options.lists:
            print(scores.lists(next(lists), run.record["config"]))
        return
    segments = run.assign(who)
    if options.out:
        print(run.write(segments, options.out, excel=options.excel))
    else:
        print(tables.frame(segments))


def _new_users(options: argparse.Namespace, known: Any) -> Any:
    """Read what the files say of them."""
    from gnnseg.data.tables import doors, owned
    from gnnseg.data.tables.settings import FileSettings
    from gnnseg.runs import new_users

    columns = {name: getattr(options, name) for name in ("user", "item", "weight")}
    columns |= {name: getattr(options, name) or "" for name in ("time", "spend")}
    columns |= {name: getattr(options, name) for name in LINES}
    if known.half_life is not None:  # habits fade: times are looked for
        columns["time"] = options.time
    form = FileSettings.of(options)
    how = {
        name: getattr(options, name)
        for name in ("decimal", "dates", "returns", "time_as", "zeros", "keep", "on_error")
    }
    histories = None
    if options.file:
        with doors.errors_said(doors.option):
            histories = new_users.read_file(Path(options.file), columns, say, how=form, **how)
    beside = {name: getattr(options, name) for name in ("users", "social")}
    tables = {}
    with doors.errors_said(doors.option):
        for name, path in beside.items():
            own = owned.OwnForm.of(name, own_form(options, name))
            with own.errors():
                tables[name] = path and new_users.table_of(Path(path), own.settings)
        return new_users.read(histories, known, **tables, users_id=options.users_id)
