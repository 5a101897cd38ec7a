"""Hydra's loader on conf/ and folders of one's own, also inside somebody else's Hydra program."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gnnseg.config.names import conf_folder, refusal

if TYPE_CHECKING:
    from gnnseg.config.composition.precedence import ChoicesWin

_COMPOSING = threading.RLock()  # Hydra's state is the process's


@contextlib.contextmanager
def loader(overrides: Sequence[str]) -> Iterator[ChoicesWin]:
    """Give a loader for these overrides; one at a time."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from gnnseg.config.composition.precedence import ChoicesWin

    with _own_hydra(), initialize_config_dir(str(conf_folder()), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        yield ChoicesWin(hydra.config_loader.get_search_path(), overrides)


def searchpath(folders: Sequence[Path]) -> list[str]:
    """Return the override that lets Hydra look in more folders, if there are any.

    Raises:
        InputError: Two folders hold a file of one name, of which Hydra would read but the first.
    """
    _refuse_shadowed(folders)
    places = ",".join(quoted(f"file://{folder.absolute()}") for folder in folders)
    return [f"hydra.searchpath=[{places}]"] if folders else []


def _refuse_shadowed(folders: Sequence[Path]) -> None:
    if not folders:
        return
    ours = conf_folder()
    groups = ["", *(str(each.relative_to(ours)) for each in ours.rglob("*") if each.is_dir())]
    first: dict[str, Path] = {}
    for folder in [ours, *folders]:
        for group in groups:
            for path in sorted((folder / group).glob("*.yaml")):
                before = first.setdefault(f"{group}/{path.name}", path)
                if before.read_bytes() != path.read_bytes():
                    whose = "gnnseg" if before.is_relative_to(ours) else str(before)
                    raise refusal(
                        f"{path}: {whose} has a {path.name} there too, and only that would be "
                        "read; call yours by another name."
                    )


def quoted(value: str) -> str:
    """Return a value that Hydra's grammar takes as it stands."""
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', value)
    escaped = re.sub(r"(\\+)$", r"\1\1", escaped)
    return f'"{escaped}"'


@contextlib.contextmanager
def _own_hydra() -> Iterator[None]:
    """Make room for a composition inside somebody else's Hydra program; one at a time.

    That program's global state comes back afterwards.
    """
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.singleton import Singleton

    with _COMPOSING:
        before = Singleton._instances.pop(GlobalHydra, None)
        try:
            yield
        finally:
            Singleton._instances.pop(GlobalHydra, None)
            if before is not None:
                Singleton._instances[GlobalHydra] = before
