"""MIND's behaviors.tsv (Wu et al. 2020): what was shown to whom, and what of it they clicked."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from gnnseg.data.tables.sheets import Sheet, shown
from gnnseg.types import InputError

TIME = r"\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2}:\d{2} [AP]M"
LINE = re.compile(rf"\d*\t\S+\t{TIME}\t[^\t]*\t(\S+-[01])( +\S+-[01])*\s*")
WRITTEN = "%m/%d/%Y %I:%M:%S %p"


def looks(lines: list[str]) -> bool:
    """Return whether all of some lines are impressions as MIND has them."""
    return all(LINE.fullmatch(line) for line in lines)


def read(path: Path, data: bytes) -> tuple[Sheet, str]:
    """Read the clicks as user, item, time, and say what is left out.

    A line is: number, user, time, the user's clicks of before (which have no times), and what was
    shown, each ``item-1`` (clicked) or ``item-0``.

    Raises:
        InputError: A line that is none, or a file without a click.
    """
    users: list[str] = []
    items: list[str] = []
    times: list[str] = []
    lines: list[int] = []
    before: set[tuple[str, str]] = set()
    for number, line in enumerate(data.decode().split("\n"), 1):
        if not line.strip():
            continue
        if not LINE.fullmatch(line):
            raise InputError(
                f"{path}, line {number}: {shown(line[:60])} is no line of MIND: number, user, "
                "time, history, and what was shown as item-1 or item-0, between tabs."
            )
        _, user, time, history, impressions = line.rstrip("\r").split("\t")
        clicked = [each[:-2] for each in impressions.split() if each.endswith("-1")]
        when = datetime.strptime(time, WRITTEN).isoformat()
        users += [user] * len(clicked)
        items += clicked
        times += [when] * len(clicked)
        lines += [number] * len(clicked)
        before |= {(user, item) for item in history.split()}
    if not users:
        raise InputError(f"{path}: holds no click; what was shown is item-1 where it was clicked.")
    note = f"{path.name}: MIND's impressions, {len(users):,} clicks"
    left = len(before - set(zip(users, items, strict=True)))
    if left:
        note += f"; {left:,} pairs of histories, which have no times, left out"
    frame = pl.DataFrame({"user": users, "item": items, "time": times})
    return Sheet(path, frame, 1, np.array(lines)), note
