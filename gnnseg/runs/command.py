"""What was typed behind ``gnnseg train``: resolved, and one run trained, or a sweep begun."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gnnseg import config as configuration
from gnnseg.data.tables import saved
from gnnseg.runs import sweep
from gnnseg.runs.configured import configured

Say = Callable[[str], None]


def run(arguments: list[str], *, say: Say, show: Say) -> int:
    """Train as the command line says; return the exit code, 1 if a job failed.

    Args:
        arguments: What was typed behind ``gnnseg train``.
        say: Where lines go.
        show: Where the paths of run folders go, in job order.
    """
    from gnnseg.types import InputError

    given = [a for a in arguments if a != "--fresh"]
    fresh = len(given) != len(arguments)
    given, folders = _config_dirs(given)
    own = saved.resolve(given, saved.cache_root(given), say=say)
    try:
        return _run(own.arguments, folders + own.folders, fresh, say, show)
    except InputError as error:
        if own.saved is not None and own.fresh:  # it describes what could not be read
            own.saved.unlink(missing_ok=True)
            say(f"{own.saved.name} is taken away again")
        if own.saved is None:
            raise
        from gnnseg.data.tables import doors

        raise error.said(doors.option) from None


def _run(given: list[str], folders: list[Path], fresh: bool, say: Say, show: Say) -> int:
    if any(a in ("-m", "--multirun") for a in given):
        return sweep.many([a for a in given if not a.startswith("-")], folders, fresh, say, show)
    if any(a.startswith("-") for a in given):  # --cfg, --info, …: Hydra's own business
        ask_hydra(given, folders, fresh=fresh, show=show)
    else:
        train_one(given, folders, fresh=fresh, show=show)
    return 0


def train_one(overrides: Sequence[str], folders: Sequence[Path], *, fresh: bool, show: Say) -> None:
    """Train one run, and show its folder's path.

    Args:
        overrides: key=value each, files of data turned into ``data=NAME`` (``saved.resolve``).
        folders: More places to look for groups.
        fresh: Whether to begin again what stands there.
        show: Where the path goes.
    """
    from gnnseg.runs.train import train

    show(str(train(configured(overrides, folders), fresh=fresh).path))


def ask_hydra(arguments: Sequence[str], folders: Sequence[Path], *, fresh: bool, show: Say) -> None:
    """Do what Hydra's own flags ask for (--cfg, --info, …), and train where they let it."""
    # the flags and their values come first: argparse wants overrides together
    flags = [each for each in arguments if each.startswith("-") or "=" not in each]
    rest = [each for each in arguments if each not in flags]
    configuration.launch(
        [*flags, *configuration.searchpath(folders), *rest],
        lambda overrides: train_one(overrides, folders, fresh=fresh, show=show),
    )


def _config_dirs(given: list[str]) -> tuple[list[str], list[Path]]:
    """Take ``--config-dir D`` (or -cd) off the arguments; return the rest, and the folders."""
    rest: list[str] = []
    found: list[Path] = []
    at = iter(given)
    for argument in at:
        if argument in ("--config-dir", "-cd"):
            found.append(Path(next(at, ".")))
        elif argument.startswith("--config-dir="):
            found.append(Path(argument.partition("=")[2]))
        else:
            rest.append(argument)
    from gnnseg.types import InputError

    for folder in found:
        if not folder.is_dir():
            raise InputError(f"--config-dir {folder}: no such folder.")
    return rest, found
