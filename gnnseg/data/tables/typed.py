"""What is typed behind ``gnnseg train``: files, plain options (``--user COLUMN``) and the rest.

The rest is Hydra's. A plain option names a setting of the data; none passes Hydra's grammar.
"""

from __future__ import annotations

import argparse
import difflib
import glob
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnnseg.data.tables import owned
from gnnseg.types import InputError

COLUMNS = (*("user", "item", "weight", "time", "spend", "order", "event", "price", "quantity"),)
CHOICES = (
    *("separator", "encoding", "format", "decimal", "dates", "returns", "item_title", "on_error"),
    *("header", "quoting", "sheet", "basket", "unique", "keep", "time_as", "zeros"),
    *("users_id", "items_id", "missing_ids", "currency"),
)
TABLES = ("users", "items", "social", "log")
PARTS = ("valid", "test")  # of a given split, beside the FILE that is its train
NUMBERS: dict[str, Callable[[str], Any]] = {"min_weight": float, "k_core": int, "skip": int}
SQL = ("sql", "connect")
OWN = {f"{table}_{key}": (table, key) for table in TABLES for key in owned.keys_of(table)}
NUMBERS |= {name: int for name, (_, key) in OWN.items() if key == "skip"}
NAMES = (*COLUMNS, *CHOICES, *TABLES, *PARTS, *SQL, *OWN, *(n for n in NUMBERS if n not in OWN))
FLAGS = (
    *("--multirun", "--fresh", "--config-dir", "--cfg", "--package", "--resolve", "--info"),
    *("--hydra-help", "--help", "--version", "--shell-completion"),
)  # what to do, taken out before
OVERRIDE = r"[+~]*[\w@/.:]+="


@dataclass(frozen=True)
class TypedArguments:
    """Arguments sorted: files, plain options by the setting's name, and the rest."""

    files: list[str]
    options: dict[str, Any]
    rest: list[str]


def flag(name: str) -> str:
    """Return the option that names a setting: ``--item-title``."""
    return "--" + name.replace("_", "-")


def sort(arguments: Sequence[str]) -> TypedArguments:
    """Sort the arguments of ``gnnseg train``.

    An argument that is a file, or looks like one, is a file.

    Raises:
        InputError: An option that does not exist, or has no value or a wrong one.
    """
    parser = argparse.ArgumentParser(
        prog="gnnseg train", add_help=False, allow_abbrev=False, exit_on_error=False
    )
    for name in NAMES:
        parser.add_argument(flag(name), dest=name, type=NUMBERS.get(name, str))
    try:
        found, others = parser.parse_known_args(_joined(arguments))
    except argparse.ArgumentError as error:
        raise InputError(
            f"{error.argument_name}: {error.message}; see gnnseg train --help."
        ) from None
    options = {name: value for name, value in vars(found).items() if value is not None}
    _refuse_unknown(others)
    files = [each for each in others if each != "--" and is_file(each)]
    rest = [each for each in others if each != "--" and not is_file(each)]
    return TypedArguments(files, options, rest)


def again(given: TypedArguments) -> list[str]:
    """Return the files and plain options as they may be typed again."""
    words = [word for name, value in given.options.items() for word in (flag(name), str(value))]
    return [*given.files, *words]


def expanded(name: str) -> Path:
    """Return the path, with ``~/`` as the user's home; a name may begin with '~' all the same."""
    return Path(name).expanduser() if name == "~" or name.startswith("~/") else Path(name)


def refuse_missing(names: Sequence[str]) -> None:
    """Refuse what names no file, and say which setting it may have been meant for.

    Raises:
        InputError: One of them names no file.
    """
    for name in names:
        if expanded(name).exists() or glob.glob(str(expanded(name))):
            continue
        if (instead := _setting_of(name)) is not None:
            raise InputError(f"{name}: is neither a file nor a setting; did you mean {instead}?")
        raise InputError(
            f"{name}: no such file; check the path, or write a setting as key=value (file)."
        )


def _setting_of(word: str) -> str | None:
    """Return the setting that a word without '=' may be: ``seed=3`` of ``seed:3``."""
    from gnnseg import config

    key, mark, value = word.partition(":")
    if (mark or "." not in key) and key in config.known_keys():
        return f"{key}={value or '…'}"
    from gnnseg.config.names import choices, groups

    return next((f"{group}={word}" for group in groups() if word in choices(group)), None)


def _refuse_unknown(others: Sequence[str]) -> None:
    ours = [*map(flag, NAMES), *FLAGS]
    own = set(map(flag, OWN))
    for at, argument in enumerate(others):
        word, mark, value = argument.partition("=")
        if re.match(r"--\w", word):
            behind = others[at + 1] if at + 1 < len(others) else ""
            value = value if mark else "…" if re.match(rf"-|{OVERRIDE}", behind) else behind
            if (key := _setting_named(word)) is not None:
                raise InputError(
                    f"{word}: is a setting, not an option; write {key}={value or '…'}."
                )
            table = word.removeprefix("--").partition("-")[0]
            near = [one for one in ours if one not in own or f"--{table}-" in one]
            close = difflib.get_close_matches(word, near, n=1)
            hint = f"did you mean {close[0]}?" if close else "see gnnseg train --help."
            raise InputError(f"{word}: no such option; {hint}")


def _setting_named(option: str) -> str | None:
    """Return the setting that an option names whole or by its last part: ``--max-epochs``."""
    from gnnseg import config

    name = option.removeprefix("--").replace("-", "_")
    known = [key for key in config.known_keys() if not key.endswith("_target_")]
    if name in known:
        return name
    same = [key for key in known if key.rpartition(".")[2] == name and key.count(".") == 1]
    return same[0] if len(same) == 1 else None


def _joined(arguments: Sequence[str]) -> list[str]:
    """Join ``--user VALUE`` to ``--user=VALUE``, so that a value may begin with a dash."""
    ours = set(map(flag, NAMES))
    joined, waiting = [], None
    for argument in arguments:
        if waiting is not None:
            joined.append(f"{waiting}={argument}")
            waiting = None
        elif argument in ours:
            waiting = argument
        else:
            joined.append(argument)
    if waiting is not None:
        raise InputError(f"{waiting}: a value is missing behind it.")
    return joined


def is_file(argument: str) -> bool:
    """Return whether an argument names a file, and is no option or setting."""
    if argument.startswith("-"):
        return False
    if expanded(argument).exists():
        return True
    return not re.match(OVERRIDE, argument) and not argument.startswith(("+", "~"))
