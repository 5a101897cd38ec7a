"""Train an evaluated run once more on all its events, for what is served."""

from __future__ import annotations

import argparse

from gnnseg.cli.arguments import add_run, run_folder
from gnnseg.cli.command import say


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a run, and whether to begin again."""
    add_run(parser)
    parser.add_argument(
        "--fresh", action="store_true", help="compute again what stands there finished"
    )


def call(options: argparse.Namespace) -> None:
    """Print the refit's folder."""
    from gnnseg.runs.refit import refit

    print(refit(run_folder(options.run), say=say, fresh=options.fresh))
