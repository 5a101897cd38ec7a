"""List, fetch, check or describe data sets."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gnnseg.cli.arguments import COLUMNS, LINES, add_columns, add_form, add_own_forms, data_root
from gnnseg.cli.command import Parser, say


def arguments(parser: Parser) -> None:
    """Take an action and what it is done to."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    def action(name: str, call: Any, text: str) -> Parser:
        sub = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        sub.set_defaults(action=call)
        return sub

    sub = action("list", _list, "list the named sets, and where those are that are here")
    sub.add_argument("--root", metavar="DIR", default=data_root(), help="data.root (./data)")
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
    add("--social", metavar="FILE", help="ties: user, user[, weight]")
    add("--log", metavar="FILE", help="what was shown: user, item, reward[, propensity …]")
    add("--valid", metavar="FILE", help="with --test: a given split, whose train is FILE")
    add("--test", metavar="FILE", help="with --valid")
    add("--item-title", metavar="COLUMN", help="what people call an item")
    add_form(parser)
    add("--on-error", choices=["fail", "drop"], help="drop: leave out rows that cannot be read")
    add(
        "--missing-ids",
        choices=["drop", "keep", "fail"],
        help="rows of nobody: no user, NULL, the id of all guests (drop: counted)",
    )
    add("--basket", metavar="CHAR", help="what stands between the items of a cell")
    add("--unique", metavar="COLUMNS", help="columns that tell order lines apart (* for all)")
    add_own_forms(parser, ("users", "items", "social", "log"))


def _list(options: argparse.Namespace) -> None:
    from gnnseg.data.sets.fetching import Place
    from gnnseg.data.tables import inspect, saved

    place = Place(Path(options.root).expanduser(), saved.cache_root(()), lambda line: None)
    print(inspect.list_sets(place))


def _fetch(options: argparse.Namespace) -> None:
    from gnnseg import config
    from gnnseg.runs import train as pipeline

    print(pipeline.fetch(config.compose([]), options.set, Path(options.root), say=say))


def _check(options: argparse.Namespace) -> None:
    from gnnseg.data.tables import doors, inspect, typed
    from gnnseg.types import InputError

    columns = {name: getattr(options, name) for name in (*COLUMNS, *LINES)}
    told = {name: getattr(options, name, None) for name in typed.NAMES if name not in columns}
    seen: list[str] = []
    try:
        with doors.errors_said(doors.option):
            print(inspect.check(options.files, columns, seen=seen, **told))
    except InputError:
        print("\n".join(seen), flush=True)
        raise


def _stats(options: argparse.Namespace) -> None:
    from gnnseg import config
    from gnnseg.data.tables import inspect, saved
    from gnnseg.runs import train as pipeline

    own = saved.resolve(options.given, saved.cache_root(options.given), say=say)
    composed = config.compose(own.arguments, own.folders)
    config.check(composed)
    print(inspect.stats(pipeline.read(composed, say)))
