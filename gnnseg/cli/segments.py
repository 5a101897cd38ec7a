"""Print the segments of a run: size, share, whether they come back, what they like more.

--evidence fits the run's model again, from its folder alone, and stores how far its segments come
back (docs/segments.md).
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gnnseg.cli.arguments import add_out, add_run, open_run
from gnnseg.cli.command import say

if TYPE_CHECKING:
    from gnnseg.runs.run import Run


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a run, and a file for the users' segments."""
    add_run(parser)
    add = parser.add_argument
    add(
        "--name",
        metavar="SEGMENT=NAME",
        action="append",
        default=[],
        help="call a segment, by number or id, something; runs that continue it keep the name",
    )
    add("--names", metavar="FILE", help="names of segments: YAML or CSV, by number or id")
    add("--names-out", metavar="FILE", help="write the names, made ones too, to .yaml or .csv")
    add(
        "--user",
        metavar="ID",
        help="who a user is, by their own id: segment, why, what they took, what to recommend",
    )
    add(
        "--evidence",
        action="store_true",
        help="fit the run's model again, and store whether its segments come back",
    )
    add("--refits", type=int, metavar="N", help="how often, three ways each (5)")
    add(
        "--rewired",
        action="store_true",
        help="also on 19 graphs of chance of the same degrees: are segments natural?",
    )
    add_out(parser, "write each user's segment and alpha to .csv, .parquet or .jsonl")


def call(options: argparse.Namespace) -> None:
    """Print the segments, or write every user's."""
    from gnnseg.report import changes, refits, tables
    from gnnseg.runs import naming
    from gnnseg.types import InputError

    run = open_run(options)
    if options.name or options.names:
        _call(run, options)
    if options.names_out:
        print(naming.write(run.stored, options.names_out))
        return
    if options.evidence:
        run = _with_evidence(run, options)
    elif options.refits is not None or options.rewired:
        raise InputError("segments: --refits and --rewired say how; add --evidence.")
    if options.user is not None:
        print(run.user(options.user))
        return
    if options.out:
        print(run.write(run.segments(), options.out, excel=options.excel))
        return
    parts = [tables.segments(run.path), tables.evidence(run.path), tables.weights(run.path)]
    parts += [changes.text(run.record, run.path), refits.judged(run.record)]
    print("\n".join(text for text in parts if text))


def _call(run: Run, options: argparse.Namespace) -> None:
    """Name segments as the file and the words say, and write the page again."""
    from gnnseg.runs import naming
    from gnnseg.types import InputError

    for each in options.name:
        if "=" not in each:
            raise InputError(f"--name {each}: write SEGMENT=NAME, as in --name '3=Night owls'.")
    given = naming.read(options.names) if options.names else {}
    given |= dict(each.split("=", 1) for each in options.name)
    naming.call(run.stored, given)


def _with_evidence(run: Run, options: argparse.Namespace) -> Run:
    """Return the run with evidence of at least as many refits as asked for."""
    from gnnseg.runs import stability

    count = stability.REFITS if options.refits is None else options.refits
    with run.stored.folder.locked():
        computed = stability.add(run.stored, count, rewired=options.rewired, say=say, shown=True)
    if not computed:
        say(f"evidence of {run.record['evidence']['refits']} refits stands there already")
    return open_run(options)
