"""The jobs of a sweep before the first of them runs: which cannot be meant, or are only shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from gnnseg import config as configuration
from gnnseg.runs.configured import check_here
from gnnseg.types import InputError

Say = Callable[[str], None]


def check_first(overrides: list[str], folders: list[Path], say: Say) -> None:
    """Say which jobs of a sweep cannot be meant, before the first is trained.

    The others are trained all the same, but for ``sweep.fail_fast=true``.

    Args:
        overrides: Of the sweep, ``seed=0,1``.
        folders: More places to look for groups.
        say: Where lines go.

    Raises:
        InputError: One names what is not there, none of them can be meant, or one cannot and
            ``sweep.fail_fast`` is true.
    """
    listed = configuration.jobs(held_back(overrides), folders)
    wrong: dict[int, str] = {}
    fail_fast = False
    for number, job in enumerate(listed or []):
        composed = configuration.compose(job, folders)  # Hydra refuses all where one cannot be
        try:
            check_here(composed)
            fail_fast = composed["sweep"]["fail_fast"] or fail_fast
        except Exception as error:
            wrong[number] = str(error) or type(error).__name__
    if not listed or not wrong:
        return
    if len(wrong) == len(listed) and len({*wrong.values()}) == 1:
        raise InputError(wrong[0])
    lines = [f"job {n} ({' '.join(_swept(listed, n))}): {why}" for n, why in wrong.items()]
    if len(wrong) == len(listed) or fail_fast:
        left = f"; {len(wrong) - 1} more cannot be meant" if len(wrong) > 1 else ""
        raise InputError(f"{lines[0].removesuffix('.')}{left}; nothing was trained.")
    say(f"{len(wrong)} of {len(listed)} jobs cannot be meant and will not run:")
    for line in lines:
        say(line)


def shown(overrides: list[str], folders: list[Path], package: str | None) -> str:
    """Return the configuration of every job of a sweep as YAML, a document each.

    Raises:
        InputError: Something in it cannot be meant, or the sweeper chooses jobs as it goes.
    """
    found = []
    for number, job in enumerate(all_of(overrides, folders)):
        text = configuration.yaml_of(configuration.compose(job, folders), package)
        found.append(f"# job {number}: {' '.join(job)}\n{text.rstrip()}")
    return "\n---\n".join(found)


def all_of(overrides: list[str], folders: list[Path]) -> list[list[str]]:
    """Return the overrides of each job, or refuse a sweeper that chooses them as it goes."""
    listed = configuration.jobs(held_back(overrides), folders)
    if listed is None:
        raise InputError(
            "hydra/sweeper: chooses each job by the results of those before, so that none can be "
            "shown ahead; leave -m and what is swept out to see one configuration."
        )
    return listed


def _swept(listed: list[list[str]], number: int) -> list[str]:
    """Return what a job does not share with all others."""
    return [each for each in listed[number] if any(each not in job for job in listed)]


def sweeps(override: str) -> bool:
    """Return whether an override makes several runs.

    A comma outside brackets and quotes does, and a sweep function.
    """
    value = override.partition("=")[2]
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|\[[^\]]*\]|\{[^}]*\}", "", value)
    return "," in bare or bool(re.match(r"(choice|range|interval|glob|shuffle|sort|tag)\(", value))


def held_back(overrides: list[str]) -> list[str]:
    """Return settings of a part that is swept as a sweep of one value.

    Hydra tries plain ones on the default part, which may lack them.
    """
    swept = {override.partition("=")[0] for override in overrides if sweeps(override)}
    held = []
    for override in overrides:
        key, _, value = override.partition("=")
        ours = key.lstrip("+").partition(".")[0] in swept - {key} and not sweeps(override)
        held.append(f"{key}=choice({value})" if ours and value else override)
    return held
