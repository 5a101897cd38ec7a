"""What was typed behind ``gnnseg train`` or ``choose-k``: resolved, and done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gnnseg import config as configuration
from gnnseg.data.tables import saved
from gnnseg.data.tables.saved import ResolvedArguments
from gnnseg.runs import sweep
from gnnseg.runs.configured import configured

if TYPE_CHECKING:
    from gnnseg.runs.choice import ChosenK

Say = Callable[[str], None]


def run(arguments: list[str], *, say: Say, show: Say) -> int:
    """Train as the command line says; return the exit code, 1 if a job failed.

    Args:
        arguments: What was typed behind ``gnnseg train``.
        say: Where lines go.
        show: Where the paths of run folders go, in job order.
    """
    given = [a for a in arguments if a != "--fresh"]
    with _resolved(given, say) as own:

        def done(path: str) -> None:
            show(path)
            if own.saved is not None:
                saved.remember(own.saved, Path(path))

        return _run(own.arguments, own.folders, len(given) != len(arguments), say, done)


def choose_k(
    arguments: list[str],
    *,
    segments: Sequence[int] | None,
    refits: int,
    price: bool,
    fresh: bool,
    say: Say,
) -> ChosenK:
    """Recommend a number of segments for what the command line says; see ``choose_k.choose``.

    Args:
        arguments: What may be typed behind ``gnnseg train``, of one run.
        segments: The K to try; None: the usual ones.
        refits: How often each run is fitted again.
        price: Whether to train ``head=dot`` too.
        fresh: Whether to begin again what stands there.
        say: Where lines go.

    Raises:
        InputError: Something in it cannot be meant.
    """
    from gnnseg.runs import candidates
    from gnnseg.runs.choose_k import choose

    with _resolved(arguments, say) as own:
        words, folders = own.arguments, own.folders
        candidates.refuse_words(words)
        config = configured(words, folders)
        dot = candidates.WithoutSegments(None, "--no-price")
        if price:
            dot = candidates.without_segments(config, words, folders)
        return choose(
            config, segments=segments, count=refits, dot=dot, say=say, shown=True, fresh=fresh
        )


@contextmanager
def _resolved(given: list[str], say: Say) -> Iterator[ResolvedArguments]:
    """Give overrides, files of data turned into ``data=NAME``, and more places to look for groups.

    A file's configuration that was saved just now is taken away again if it cannot be read.
    """
    from gnnseg.types import InputError

    given, folders = _config_dirs(given)
    own = saved.resolve(given, saved.cache_root(given), say=say)
    try:
        yield replace(own, folders=folders + own.folders)
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
