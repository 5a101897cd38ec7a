"""Write the page of a run again and print its path.

The run's folder need not be writable: --out writes the page elsewhere. --share makes what others
may see: without single people, and without groups of fewer than ten (docs/weekly.md).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gnnseg.cli.arguments import add_run, run_folder


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a run, and where its page goes."""
    add_run(parser)
    parser.add_argument("--out", metavar="FILE", help="write the page here, not in the folder")
    parser.add_argument(
        "--share",
        action="store_true",
        help="for others: page, table of segments and cards into RUN/shared; with --out a page "
        "(.html), or the table (.csv, .parquet, .jsonl, .xlsx)",
    )


def call(options: argparse.Namespace) -> None:
    """Write report.html, or the page where it is asked for."""
    from gnnseg.data.atomic import atomic
    from gnnseg.report import page

    folder = run_folder(options.run)
    if options.share:
        from gnnseg.runs import shared

        print(shared.share(folder, options.out))
        return
    content = page.render(folder)
    path = Path(options.out).expanduser().absolute() if options.out else folder / "report.html"
    with atomic(path) as aside:
        aside.write_text(content, "utf-8")
    print(path)
