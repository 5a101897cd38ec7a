"""What a search chose, as an experiment that ``gnnseg train`` runs at once."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gnnseg import config as configuration
from gnnseg.config.names import choices
from gnnseg.data.atomic import atomic
from gnnseg.runs.tuning.study import Tried
from gnnseg.types import InputError

if TYPE_CHECKING:
    from gnnseg.runs.tuning.search import SettingSearch

FOLDER = ".tuned"  # under runs.root, where no other folder is asked for


@dataclass(frozen=True, kw_only=True)
class TunedExperiment:
    """The chosen setting: what it reached on validation, its file, and the command that runs it."""

    best: Tried
    trials: int
    monitor: str
    path: Path
    command: str

    def __str__(self) -> str:
        """Return the announcement, in one line."""
        own = " ".join(self.best.chosen)
        return (
            f"best {self.monitor} {self.best.value:.4f} by trial {self.best.number} of "
            f"{self.trials}: {own}"
        )


def folder_of(search: SettingSearch) -> Path:
    """Return where the experiment goes: --out, the first --config-dir, or beside the runs."""
    if search.settings.out is not None:
        return search.settings.out.expanduser()
    return next(iter(search.settings_folders), search.root / FOLDER)


def write(search: SettingSearch, best: Tried, trials: int) -> TunedExperiment:
    """Write the experiment of a study's best trial.

    Raises:
        InputError: An experiment of gnnseg has that name, or the folder cannot be written.
    """
    name, folder = search.record.name, folder_of(search)
    if name in choices("experiment"):
        raise InputError(f"--name {name}: gnnseg has an experiment of that name; choose another.")
    found = TunedExperiment(
        best=best,
        trials=trials,
        monitor=search.monitor,
        path=folder / "experiment" / f"{name}.yaml",
        command=_command(search, name, folder),
    )
    own = [each for each in search.overrides if each not in search.resolved]
    text = configuration.as_experiment(
        [*own, *best.chosen], search.folders, _comment(search, found)
    )
    try:
        found.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(found.path) as aside:
            aside.write_text(text, "utf-8")
    except OSError as error:
        raise InputError(
            f"{found.path}: cannot be written ({error.strerror or error}); give a folder by --out."
        ) from None
    return found


def _comment(search: SettingSearch, found: TunedExperiment) -> str:
    """Return what the file says of itself."""
    best = found.best
    return "\n".join(
        [
            f"Chosen by {found.monitor} {best.value:.4f}, seed {search.config['seed']}, on "
            f"{search.config['data']['name']}: trial {best.number}, the best of {found.trials}",
            f"searched by: {search.command}",
            f"The test was not looked at; this reads it: {found.command}",
        ]
    )


def _command(search: SettingSearch, name: str, folder: Path) -> str:
    """Return the command that trains the chosen setting, or finds its run."""
    from gnnseg.config.composition.searching import typed_again

    place = os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else str(folder)
    others = [each for each in search.settings_folders if each.absolute() != folder.absolute()]
    machine = [
        each for each in search.overrides
        if typed_again(each.partition("=")[0]) and each not in search.resolved
    ]  # fmt: skip
    words = [
        "gnnseg", "train", *search.typed, f"experiment={name}", *machine,
        *(word for each in [place, *others] for word in ("--config-dir", str(each))),
    ]  # fmt: skip
    return shlex.join(words)
