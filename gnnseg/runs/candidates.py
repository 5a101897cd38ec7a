"""Which numbers of segments are tried, and the runs that they make."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnnseg import config as configuration
from gnnseg.config.fitted import name_of
from gnnseg.runs import inputs
from gnnseg.runs.configured import check_here
from gnnseg.runs.identity import component
from gnnseg.types import InputError, Split

GRID = (2, 3, 4, 6, 8, 12, 16, 24, 32)
PEOPLE, THINGS = 10, 2  # users and items a segment, at least, of the grid nobody asked for
OTHER_HEAD = ("head", "objective", "optimizer", "trainer")  # groups that go with a head


@dataclass(frozen=True)
class WithoutSegments:
    """The same configuration with ``head=dot``; ``why`` it is not to be had, where it is None."""

    config: dict[str, Any] | None
    why: str | None = None


def without_segments(
    config: Mapping[str, Any], overrides: Sequence[str], folders: Sequence[Path]
) -> WithoutSegments:
    """Return what the price of segments is of: the same with ``head=dot``.

    Encoder, data, split, seed and protocol are the same, and so is what the overrides say of the
    trainer; objective and optimiser are those that go with ``dot``.

    Args:
        config: The configuration with segments.
        overrides: What it was composed of.
        folders: More places to look for groups.
    """
    kept = [each for each in overrides if re.match(r"[+~]*trainer[./@=]", each)]
    try:
        plain = configuration.compose(["head=dot", *kept], list(folders))
        found = {**config, **{group: plain[group] for group in OTHER_HEAD}}
        found["trainer"] = {**found["trainer"], "monitor": config["trainer"]["monitor"]}
        found = one_run(found)
        check_here(found)
    except InputError as error:
        return WithoutSegments(None, f"head=dot cannot be trained so ({error})")
    return WithoutSegments(found)


def one_run(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a run alone, without what may follow it."""
    return {
        **config,
        "trainer": {**config["trainer"], "refit": False},
        "evidence": {**config["evidence"], "refits": 0, "rewired": False},
    }


def with_segments(config: Mapping[str, Any], k: int) -> dict[str, Any]:
    """Return the configuration of the run of one K."""
    return one_run({**config, "head": {**config["head"], "segments": k}})


def grid(segments: Sequence[int] | None, split: Split, top: int = 0) -> list[int]:
    """Return the K to try, in ascending order.

    Args:
        segments: What was asked for; None: ``GRID`` as far as there are ``PEOPLE`` users and
            ``THINGS`` items a segment, and 2 where that is nothing.
        split: The data.
        top: head.top, which no K may be below.

    Raises:
        InputError: A K that cannot be, or twice the same.
    """
    users, items = len(split.users), len(split.items)
    if segments is None:
        most = min(users // PEOPLE, items // THINGS)
        bearable = [k for k in GRID if max(top, 2) <= k <= most]
        segments = bearable or [max(top, 2)]
    if not segments:
        raise InputError("segments: none is given; name some, such as 2,4,8,16.")
    for k in segments:
        if k < 2:
            raise InputError(
                f"segments {k}: one segment holds everybody, and there is nothing to choose; give "
                "numbers from 2 on."
            )
        if k >= min(users, items):
            raise InputError(
                f"segments {k}: {split.name} has {users:,} users and {items:,} items; give numbers "
                "below both."
            )
    if len(set(segments)) < len(segments):
        twice = next(k for k in segments if list(segments).count(k) > 1)
        raise InputError(f"segments {twice}: is given twice; give each number once.")
    return sorted(segments)


def refuse_words(words: Sequence[str]) -> None:
    """Refuse what makes several runs, asks Hydra something, or sets K by itself.

    Args:
        words: What was typed, files of data turned into settings; or overrides in Python.

    Raises:
        InputError: One of these, and what to do.
    """
    for word in words:
        if word in ("-m", "--multirun"):
            raise InputError(
                f"{word}: the numbers of segments are the only sweep here; name them in --segments "
                "2,4,8, and give everything else one value."
            )
        if word.startswith("-"):
            raise InputError(f"{word}: no such option of choose-k; see gnnseg choose-k --help.")
        if re.match(r"[+~]*head\.segments=", word):
            raise InputError(
                f"{word}: K is what is to be chosen; leave it out, and name the numbers to try in "
                "--segments 2,4,8."
            )


def refuse(config: Mapping[str, Any], count: int) -> None:
    """Refuse what has no segments to count, no validation to count them by, or no refits.

    Raises:
        InputError: One of these, and what to do.
    """
    if (name := name_of(config)) is not None:
        raise InputError(
            f"baseline={name}: its segments are not fitted again to see whether they come back; "
            "choose K by a trained model."
        )
    head = component(config, "head")
    if "segments" not in config["head"]:
        raise InputError(
            f"head={head}: has no segments to count; choose head=segments, hybrid or posthoc."
        )
    if config["evaluation"]["protocol"] == "paper":
        raise InputError(
            "evaluation.protocol=paper: trains on validation and chooses by the test, and K is to "
            "be chosen by validation alone; leave it out."
        )
    if config["segments"]["since"] is not None:
        raise InputError(
            f"segments.since={config['segments']['since']}: keeps the segments of that run, and so "
            "their number; leave it out to choose anew."
        )
    if (log := inputs.wanted(config).get("log")) is not None:
        raise InputError(
            f"{log}: learns from a log, which a run's folder does not keep, so that it cannot be "
            "fitted again to see whether segments come back; choose K by another objective."
        )
    if count < 1:
        raise InputError(f"refits {count}: there must be at least 1.")
