"""Evaluate a finished run again from its folder, and print its figures."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from gnnseg.cli.arguments import add_run, open_run
from gnnseg.cli.command import say

if TYPE_CHECKING:
    from gnnseg.types import Setting

OFFPOLICY = ("cap", "seen", "switch", "decimal")
LOGGED = ("slate", "user", "item", "position", "propensity", "reward")  # columns
FORM = ("separator", "encoding", "header")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a run; or a log of what was shown, and how its estimates are made."""
    add_run(parser)
    add = parser.add_argument
    add(
        "--offpolicy",
        metavar="LOG",
        help="what the run's policy would earn: user, item, propensity, reward[, slate, position]",
    )
    add("--cap", type=float, metavar="W", help="with importance weights up to W too")
    add(
        "--seen",
        choices=["mask", "allow"],
        help="with --offpolicy: leave out what users have taken (mask), or not",
    )
    add(
        "--switch",
        type=float,
        metavar="TAU",
        help="of Switch-DR, which trusts the reward model beyond it",
    )
    add("--decimal", choices=["point", "comma"], help="of the log, where two readings fit")
    for name in LOGGED:
        add(f"--{name}", metavar="COLUMN", help=f"what the log calls its column of {name}")
    add("--separator", metavar="CHAR", help="of the log, where it leaves it open")
    add("--encoding", metavar="NAME", help="of the log, such as latin-1")
    add("--header", choices=["first", "none"], help="whether the log's first line names columns")


def call(options: argparse.Namespace) -> None:
    """Print the figures as a table."""
    from gnnseg.data.tables import doors
    from gnnseg.data.tables.settings import FileSettings
    from gnnseg.report import tables
    from gnnseg.types import InputError

    run, how = open_run(options), {name: getattr(options, name) for name in OFFPOLICY}
    columns = {name: getattr(options, name) for name in LOGGED}
    form = {name: getattr(options, name) for name in FORM}
    if options.offpolicy is not None:
        with doors.errors_said(_option):
            found = run.offpolicy(
                options.offpolicy, **how, columns=columns, how=FileSettings.of(form)
            )
        _offpolicy(found)
        return
    if any(value is not None for value in (*how.values(), *columns.values(), *form.values())):
        raise InputError("evaluate: --cap, --switch, --seen and --decimal go with --offpolicy LOG.")
    print(tables.frame(run.evaluate()))


def _option(setting: Setting) -> str:
    """Return a setting of a log as this command takes it."""
    group, _, name = setting.key.rpartition(".")
    if group not in ("data", "log") or name not in (*LOGGED, *FORM, "decimal"):
        return str(setting)
    return f"--{name}" if setting.value is None else f"--{name} {setting.value}"


def _offpolicy(result: Any) -> None:
    """Print what a log says the policy would earn; to standard error what to make of it."""
    from gnnseg.report import tables

    print(tables.frame(result.frame()))
    parts = result.by_segment()
    if len(parts) > 1:
        print(f"\nby segment, SNIPS\n{tables.frame(parts)}")
        worst = parts.filter(parts["value"] == parts["value"].min()).row(0, named=True)
        say(f"worst segment: {worst['segment']}, {worst['value']:.4g} an item shown")
    for name, value in result.account.items():
        say(f"{name}: {value:,.4g}")
    for warning in result.warnings:
        say(f"warning: {warning}")
