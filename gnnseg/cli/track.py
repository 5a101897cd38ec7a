"""Send finished runs to a dashboard, from their folders.

Asking for tracking late is no loss: what a run's folder keeps (curves, figures, tables, settings)
is given to wandb, or to TensorBoard's files, as if it had been asked for in training. What is there
already is not sent twice.

examples:
  gnnseg track RUN                                        # offline: wandb sync sends it
  gnnseg track runs/* tracking.project=paper tracking.mode=online
  gnnseg track runs/* tracking=tensorboard
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gnnseg.cli.arguments import run_folder
from gnnseg.cli.command import say


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take runs and settings of tracking."""
    parser.add_argument(
        "given",
        metavar="RUN | tracking.KEY=VALUE",
        nargs="+",
        help="run folders, or their names under runs.root; and settings of tracking",
    )


def call(options: argparse.Namespace) -> None:
    """Give each run to the dashboard; the folders that were given are the answer."""
    from gnnseg.runs import sending
    from gnnseg.types import InputError

    settings = [each for each in options.given if each.startswith(("tracking.", "tracking="))]
    runs = [each for each in options.given if each not in settings]
    for each in runs:
        if "=" in each and not Path(each).exists():
            raise InputError(
                f"{each}: no run, and no setting of tracking, such as tracking.project=paper."
            )
    folders = [run_folder(each) for each in runs]
    print("\n".join(map(str, sending.give(folders, settings, say))))
