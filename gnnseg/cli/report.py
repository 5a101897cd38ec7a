"""Write the page of a run again and print its path."""

from __future__ import annotations

import argparse

from gnnseg.cli.arguments import add_run, run_folder


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a run."""
    add_run(parser)


def call(options: argparse.Namespace) -> None:
    """Write report.html."""
    from gnnseg.data.atomic import atomic
    from gnnseg.report import page

    folder = run_folder(options.run)
    content, path = page.render(folder), folder / "report.html"
    with atomic(path) as aside:
        aside.write_text(content, "utf-8")
    print(path)
