"""Look at what is installed, which kernels run, where data are, what may be written."""

from __future__ import annotations

import argparse
from pathlib import Path

from gnnseg.cli.arguments import data_root, runs_root


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take the folders to look at."""
    parser.add_argument("--root", metavar="DIR", default=data_root(), help="data.root (./data)")
    parser.add_argument("--runs", metavar="DIR", default=runs_root(), help="runs.root (./runs)")


def call(options: argparse.Namespace) -> int:
    """Print every finding with its remedy; 1 where something essential is amiss."""
    import platformdirs

    from gnnseg.cli import diagnosis

    cache = Path(platformdirs.user_cache_dir("gnnseg"))
    found = diagnosis.examine(Path(options.root), Path(options.runs), cache)
    print(diagnosis.text(found))
    return int(any(finding.essential and finding.ok is False for finding in found))
