"""Flags among what is typed behind ``gnnseg train``: what to do with the configuration.

Everything else, files, plain options and settings, is left as it stands.
"""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gnnseg.data.tables import typed
from gnnseg.types import InputError

CONFIGURATIONS = ("job", "hydra", "all")
ABOUT = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
PLAIN = {
    "-m": "--multirun", "--multirun": "--multirun", "--fresh": "--fresh", "--resolve": "--resolve",
    "--hydra-help": "--hydra-help", "-r": "--run", "--run": "--run",
}  # fmt: skip
VALUED = {
    "-c": "--cfg", "--cfg": "--cfg", "-p": "--package", "--package": "--package",
    "-cd": "--config-dir", "--config-dir": "--config-dir",
}  # fmt: skip
OTHERS = ("--config-name", "-cn", "--config-path", "-cp", "--experimental-rerun")  # Hydra's


@dataclass
class Flags:
    """What is to be done, and the words that say of what.

    Args:
        rest: Files, plain options and settings, as they were typed.
        typed: The flags themselves, as they were typed.
        many: Whether it is a sweep.
        fresh: Whether to begin again what stands there.
        folders: More places to look for groups.
        cfg: Which configuration is shown, one of ``CONFIGURATIONS``; None: none.
        package: The dotted place of it that is shown.
        info: What else Hydra is to show, one of ``ABOUT``, or help; None: nothing.
    """

    rest: list[str] = field(default_factory=list)
    typed: list[str] = field(default_factory=list)
    many: bool = False
    fresh: bool = False
    folders: list[Path] = field(default_factory=list)
    cfg: str | None = None
    package: str | None = None
    info: str | None = None

    @property
    def shows(self) -> bool:
        """Return whether something is shown, and nothing trained."""
        return self.cfg is not None or self.info is not None


def sort(words: Sequence[str]) -> Flags:
    """Take the flags out of what was typed.

    Raises:
        InputError: A flag that does not exist, or lacks its value.
    """
    found = Flags()
    own = {typed.flag(name) for name in typed.NAMES}
    left = deque(words)
    while left:
        word = left.popleft()
        name, mark, value = word.partition("=")
        if word in own:  # its value may begin with a dash
            found.rest += [word, *([left.popleft()] if left else [])]
        elif name in VALUED and (mark or name == word):
            value = value if mark or not left else left.popleft()
            _take(found, VALUED[name], value)
            found.typed.append(word)
        elif word in ("-i", "--info") or name == "--info":
            value = value or (left.popleft() if left and left[0] in ABOUT else "all")
            _about(found, value)
            found.typed.append(word)
        elif word in PLAIN:
            _set(found, PLAIN[word])
            found.typed.append(word)
        elif name in OTHERS:
            raise InputError(
                f"{name}: gnnseg has one configuration, conf/config.yaml; give groups of your own "
                "with --config-dir DIR, and settings that go together as experiment=NAME."
            )
        elif word.startswith("-") and not word.startswith("--"):
            raise InputError(f"{word}: no such option; see gnnseg train --help.")
        else:
            found.rest.append(word)
    _refuse_alone(found)
    return found


def _take(found: Flags, name: str, value: str) -> None:
    """Take in a flag with its value."""
    if name == "--config-dir":
        if not value:
            raise InputError("--config-dir: the folder is missing behind it; give one.")
        if not Path(value).is_dir():
            raise InputError(f"--config-dir {value}: no such folder.")
        found.folders.append(Path(value))
    elif name == "--package":
        if not value:
            raise InputError("--package: the place is missing behind it, such as trainer.")
        found.package = value
    elif value not in CONFIGURATIONS:
        raise InputError(
            f"--cfg {value}: shows one of {', '.join(CONFIGURATIONS)}; --cfg job is the run's."
        )
    else:
        found.cfg = value


def _about(found: Flags, value: str) -> None:
    """Take in what --info is to show."""
    if value not in ABOUT:
        near = difflib.get_close_matches(value, ABOUT, 1)
        hint = f"did you mean {near[0]}?" if near else f"it is one of {', '.join(ABOUT)}."
        raise InputError(f"--info {value}: no such thing; {hint}")
    found.info = value


def _set(found: Flags, name: str) -> None:
    """Take in a flag without a value; --resolve and --run ask for what is done anyway."""
    found.many = found.many or name == "--multirun"
    found.fresh = found.fresh or name == "--fresh"
    if name == "--hydra-help":
        found.info = "help"


def _refuse_alone(found: Flags) -> None:
    """Refuse flags that say how something is shown where nothing is."""
    alone = next((w for w in found.typed if w in ("--resolve", "--package", "-p")), None)
    if alone is not None and found.cfg is None:
        raise InputError(f"{alone}: says how --cfg shows a configuration; add --cfg job.")
    if found.cfg is not None and found.info is not None:
        raise InputError("--cfg: --info is given too; give one of the two.")
