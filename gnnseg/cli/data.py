"""List, fetch, check or describe data sets."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gnnseg.cli.arguments import COLUMNS, add_columns, add_form, data_root
from gnnseg.cli.command import Parser, say


def arguments(parser: Parser) -> None:
    """Take an action and what it is done to."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    def action(name: str, call: Any, text: str) -> Parser:
        sub = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        sub.set_defaults(action=call)
        return sub

    action("list", _list, "list the named sets")
    sub = action("fetch", _fetch, "bring a named set to data.root")
    sub.add_argument("set", metavar="SET", help="such as ml-1m (gnnseg data list)")
    sub.add_argument("--root", metavar="DIR", default=data_root(), help="data.root (./data)")
    _check_arguments(
        action("check", _check, "read files of your own: what is in them, how to train on them")
    )
    sub = action("stats", _stats, "describe a set once it is read, cleaned and split")
    sub.usage = "gnnseg data stats FILE ... [--user COLUMN ...] | key=value ..."
    sub.epilog = "As for gnnseg train: data=ml-1m, data=./orders.yaml, orders.csv --user customer …"
    sub.verbatim = "given"


def call(options: argparse.Namespace) -> None:
    """Do the action that was chosen."""
    options.action(options)


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("files", metavar="FILE", nargs="+", help="one table, or several parts of one")
    add_columns(parser)
    add("--users", metavar="FILE", help="attributes of users by id")
    add("--items", metavar="FILE", help="attributes of items by id")
    add("--users-id", metavar="COLUMN", help="the column of users' ids in --users")
    add("--items-id", metavar="COLUMN", help="the column of items' ids in --items")
    add("--item-title", metavar="COLUMN", help="what people call an item")
    add_form(parser)
    add(
        "--missing-ids",
        choices=["drop", "keep", "fail"],
        default="drop",
        help="rows of nobody: no user, NULL, the id of all guests (drop: counted)",
    )
    add("--dates", choices=["dmy", "mdy", "ymd"], help="given only where two orders fit")


def _list(options: argparse.Namespace) -> None:
    from gnnseg.data.tables import inspect

    print(inspect.list_sets())


def _fetch(options: argparse.Namespace) -> None:
    from gnnseg import config
    from gnnseg.runs import train as pipeline

    print(pipeline.fetch(config.compose([]), options.set, Path(options.root), say=say))


def _check(options: argparse.Namespace) -> None:
    from gnnseg.data.tables import doors, inspect

    columns = {name: getattr(options, name) for name in COLUMNS}
    names = ("encoding", "format", "decimal", "dates", "returns", "users", "items", "item_title")
    tables = ("users_id", "items_id", "missing_ids")
    beside = {name: getattr(options, name) for name in (*names, *tables)}
    with doors.errors_said(doors.option):
        print(inspect.check(options.files, columns, options.separator, **beside))


def _stats(options: argparse.Namespace) -> None:
    from gnnseg import config
    from gnnseg.data.tables import inspect, saved
    from gnnseg.runs import train as pipeline

    own = saved.resolve(options.given, saved.cache_root(options.given), say=say)
    composed = config.compose(own.arguments, own.folders)
    config.check(composed)
    print(inspect.stats(pipeline.read(composed, say)))
