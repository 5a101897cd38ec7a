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
from gnnseg.distributed import started
from gnnseg.runs import flags, jobs, sweep
from gnnseg.runs.configured import check_here, configured
from gnnseg.runs.flags import Flags
from gnnseg.tracking.describing import short_name
from gnnseg.types import InputError

if TYPE_CHECKING:
    from gnnseg.runs.choice import ChosenK
    from gnnseg.runs.tuning.search import SettingSearch, TuneSettings
    from gnnseg.types import Split

Say = Callable[[str], None]
ABOUT_HYDRA = {  # what is asked for: Hydra's flags that show it; the configuration itself is ours
    "--cfg hydra": [["--cfg", "hydra"]],
    "--cfg all": [["--cfg", "hydra"]],
    "help": [["--hydra-help"]],
    "plugins": [["--info", "plugins"]],
    "searchpath": [["--info", "searchpath"]],
    "defaults": [["--info", "defaults"]],
    "defaults-tree": [["--info", "defaults-tree"]],
    "all": [["--info", "plugins"], ["--info", "searchpath"], ["--info", "defaults"]],
}


def run(arguments: list[str], *, say: Say, show: Say) -> int:
    """Train as the command line says; return the exit code, 1 if a job failed.

    Args:
        arguments: What was typed behind ``gnnseg train``.
        say: Where lines go.
        show: Where the answer goes: paths of run folders in job order, or a configuration.
    """
    asked = flags.sort(arguments)
    with _resolved(asked.rest, asked.folders, say) as own:
        if asked.shows:
            _show(asked, own, say, show)
            return 0

        def done(path: str) -> None:
            show(path)
            if own.saved is not None and started.leads():
                saved.remember(own.saved, Path(path))

        if asked.many:
            started.refuse_many("gnnseg train -m")
            return sweep.many(own.arguments, own.folders, asked.fresh, say, done)
        train_one(own.arguments, own.folders, fresh=asked.fresh, say=say, show=done)
        return 0


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

    asked = flags.sort(arguments)
    with _resolved(asked.rest, asked.folders, say) as own:
        words, folders = own.arguments, own.folders
        candidates.refuse_words([*(each for each in asked.typed if not _is_folder(each)), *words])
        config = configured(words, folders)
        dot = candidates.WithoutSegments(None, "--no-price")
        if price:
            dot = candidates.without_segments(config, words, folders)
        return choose(
            config, segments=segments, count=refits, dot=dot, say=say, shown=True, fresh=fresh
        )


def tune(arguments: list[str], settings: TuneSettings, *, command: str, say: Say) -> SettingSearch:
    """Return the search that the command line asks for; ``tuning.search.do`` does it.

    Args:
        arguments: What may be typed behind ``gnnseg train``, some settings of several values, and
            ``hparams=NAME``.
        settings: How it is done.
        command: As it was typed.
        say: Where lines go.

    Raises:
        InputError: Something in it cannot be meant.
    """
    from gnnseg.runs.tuning import search

    asked = flags.sort(arguments)
    if (other := next((w for w in asked.typed if not _is_folder(w)), None)) is not None:
        raise InputError(f"{other}: is of gnnseg train; leave it out of gnnseg tune.")
    with _resolved(asked.rest, asked.folders, say) as own:
        return search.of(
            own.arguments, own.folders, settings, command=command,
            typed=tuple(word for word in asked.rest if word not in own.arguments),
            resolved=tuple(word for word in own.arguments if word not in asked.rest),
            settings_folders=tuple(asked.folders),
        )  # fmt: skip


def read(arguments: list[str], *, say: Say) -> Split:
    """Return the data that the command line names, read, cleaned and split; nothing is trained.

    Args:
        arguments: What may be typed behind ``gnnseg train``, of one run.
        say: Where lines go.

    Raises:
        InputError: The data cannot be read, or something cannot be meant.
    """
    from gnnseg.runs import train

    asked = flags.sort(arguments)
    with _resolved(asked.rest, asked.folders, say) as own:
        return train.read(configured(own.arguments, own.folders), say)


@contextmanager
def _resolved(given: list[str], folders: list[Path], say: Say) -> Iterator[ResolvedArguments]:
    """Give overrides, files of data turned into ``data=NAME``, and more places to look for groups.

    A file's configuration that was saved just now is taken away again if it cannot be read.
    """
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


def train_one(
    overrides: Sequence[str], folders: Sequence[Path], *, fresh: bool, say: Say, show: Say
) -> None:
    """Train one run, and show its folder's path.

    What is trained is said before torch is imported, which takes seconds.

    Args:
        overrides: key=value each, files of data turned into ``data=NAME`` (``saved.resolve``).
        folders: More places to look for groups.
        fresh: Whether to begin again what stands there.
        say: Where lines go.
        show: Where the path goes.
    """
    config = configuration.compose(list(overrides), list(folders))
    name = (config.get("data") or {}).get("name", "data")
    say(f"{short_name(config, str(name))}, seed {config.get('seed')}: starting")
    check_here(config)
    from gnnseg.runs.train import train

    show(str(train(config, fresh=fresh).path))


def _show(asked: Flags, own: ResolvedArguments, say: Say, show: Say) -> None:
    """Show what was asked for, and train nothing.

    What Hydra tells of a sweep is that of its first job.
    """
    overrides, folders = own.arguments, own.folders
    ours = asked.cfg in ("job", "all") or asked.info in ("config", "all")
    theirs = ABOUT_HYDRA.get(asked.info or f"--cfg {asked.cfg}", [])
    if asked.cfg == "all" and asked.package:
        ours = not asked.package.startswith("hydra")
        theirs = [] if ours else theirs
    if asked.many and theirs:
        listed = jobs.all_of(overrides, folders)
        overrides = listed[0]
        say(f"of the first of {len(listed)} jobs: {' '.join(overrides)}")
    for words in theirs:
        of = ["--package", asked.package] if asked.package else []
        path = configuration.searchpath(folders)
        given = [] if asked.info == "help" else [*of, *path, *overrides]
        configuration.launch([*words, *given], _nothing)
    if ours and asked.many and not theirs:
        show(jobs.shown(overrides, folders, asked.package))
    elif ours:
        composed = configuration.compose(overrides, folders)
        show(configuration.yaml_of(composed, asked.package).rstrip())


def _nothing(overrides: list[str]) -> None:
    """Hydra shows, and no task is run."""


def _is_folder(word: str) -> bool:
    return word.startswith(("--config-dir", "-cd"))
