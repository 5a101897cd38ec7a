"""Do a week's work from one file of settings: check, train, refit, write members and page.

Segments keep their ids from week to week. The same data again changes nothing; where a step fails,
last week's files stay and the exit code is 1 (docs/weekly.md has a file and a line for cron).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gnnseg.cli.command import say


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take the file of settings."""
    parser.add_argument(
        "config", metavar="CONFIG.yaml", help="data, settings, members, page, refit"
    )


def call(options: argparse.Namespace) -> int:
    """Print the folder of the run that serves this week."""
    from gnnseg.runs import weekly

    try:
        print(weekly.run(options.config, say=say))
    except weekly.StepFailed as error:
        name = Path(options.config).stem
        say(f"gnnseg weekly {name}: {str(error).rstrip('.')}; what was there before stands.")
        return 1
    return 0
