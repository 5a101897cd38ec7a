"""List every setting: default, type, meaning, paper."""

from __future__ import annotations

import argparse
from pathlib import Path

EPILOG = """\
examples:
  gnnseg options                                      every group with its choices
  gnnseg options encoder                              what there is to choose
  gnnseg options encoder lightgcn                     its settings
  gnnseg options encoder mine --config-dir my_conf allow=[mylab]
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a group, one of its choices, and where the user's own parts are."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add(
        "words",
        metavar="WORD",
        nargs="*",
        help="GROUP, such as encoder, then NAME, such as lightgcn; "
        "allow=[PACKAGE]: packages whose components your own folder names",
    )
    add("--config-dir", metavar="DIR", action="append", default=[], help="your own conf/ folder")
    add("--allow", metavar="PACKAGE", action="append", default=[], help="as allow=[PACKAGE]")


def call(options: argparse.Namespace) -> None:
    """Print what there is."""
    from gnnseg.config import options as settings
    from gnnseg.types import InputError

    given = [word for word in options.words if not word.startswith("allow=")]
    words = [part for word in given for part in word.split("=", 1)]  # encoder=lightgcn, as typed
    allow = [*options.allow]
    for word in options.words:
        if word.startswith("allow="):
            allow += settings.packages(word.partition("=")[2])
    if len(words) > 2:
        raise InputError(f"options {' '.join(words)}: give a group and one of its choices alone.")
    folders = [Path(folder) for folder in options.config_dir]
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"--config-dir {folder}: no such folder.")
    group, name = [*words, None, None][:2]
    print(settings.text(group, name, folders=folders, allow=allow))
