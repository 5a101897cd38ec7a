"""Evaluate a finished run again from its folder, and print its figures."""

from __future__ import annotations

import argparse
from typing import Any

from gnnseg.cli.arguments import add_run, open_run
from gnnseg.cli.command import say

OFFPOLICY = ("cap", "seen", "switch", "decimal")


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


def call(options: argparse.Namespace) -> None:
    """Print the figures as a table."""
    from gnnseg.report import tables
    from gnnseg.types import InputError

    run, how = open_run(options), {name: getattr(options, name) for name in OFFPOLICY}
    if options.offpolicy is not None:
        _offpolicy(run.offpolicy(options.offpolicy, **how))
        return
    if any(value is not None for value in how.values()):
        raise InputError("evaluate: --cap, --switch, --seen and --decimal go with --offpolicy LOG.")
    print(tables.frame(run.evaluate()))


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
