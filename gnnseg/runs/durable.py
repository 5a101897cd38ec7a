"""Segments' durable ids, names, and the run in which each was born: columns of groups.parquet.

A segment's number says where it stands in one run; its id stays with it from run to run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from gnnseg.runs.folder import RunFolder
from gnnseg.runs.stored import StoredRun
from gnnseg.types import InputError

LONGEST = 60  # characters of a name


@dataclass(frozen=True)
class Durable:
    """What stays of a segment: its id, the name of the run it was born in, what people call it."""

    id: str
    since: str
    name: str | None = None


def born(digest: str, run: str, segment: int) -> Durable:
    """Return the identity of a segment born in a run: ``seg-`` and six digits.

    Args:
        digest: The run's hash, of which and of the number the id is made.
        run: Its name.
        segment: The number, from 1.
    """
    token = hashlib.sha256(f"{digest}/{segment}".encode()).hexdigest()[:6]
    return Durable(f"seg-{token}", run)


def of(run: StoredRun) -> list[Durable]:
    """Return a run's segments in their order; those of a folder of before are born there."""
    groups = run.frame("groups").sort("segment")
    if "id" not in groups.columns:
        digest = str(run.record["hash"])
        return [born(digest, run.name, number) for number in groups["segment"]]
    rows = groups.select("id", "since", "name").rows()
    return [Durable(*row) for row in rows]


def people(run: StoredRun) -> dict[str, int]:
    """Return how many people each of a run's segments has, by its id."""
    size = run.frame("groups").sort("segment")["size"].to_list()
    return {each.id: int(count) for each, count in zip(of(run), size, strict=True)}


def write(folder: RunFolder, segments: Sequence[Durable]) -> None:
    """Write the columns id, since and name of groups.parquet."""
    groups = pl.read_parquet(folder.file("groups.parquet")).sort("segment")
    columns = [
        pl.Series(key, [getattr(each, key) for each in segments], dtype=pl.String)
        for key in ("id", "since", "name")
    ]
    folder.write_parquet("groups.parquet", groups.with_columns(columns))


def call(run: StoredRun, names: Mapping[str, str]) -> None:
    """Name segments of a finished run; later runs that continue them keep the names.

    Args:
        run: The run.
        names: Names by number or id; an empty one takes a name away.

    Raises:
        InputError: There is no such segment, or the name is too long.
    """
    segments = named(of(run), names, run.name)
    with run.folder.locked():
        write(run.folder, segments)


def named(segments: Sequence[Durable], names: Mapping[str, str], run: str) -> list[Durable]:
    """Return segments with the names they are given by number or id.

    Raises:
        InputError: There is no such segment, or the name is too long; ``run`` is what it is of.
    """
    found = list(segments)
    for which, name in names.items():
        at = [n for n, s in enumerate(segments) if which in (str(n + 1), s.id)]
        if not at:
            raise InputError(
                f"{which}: {run} has no such segment; it has 1 to {len(segments)}, or "
                f"{segments[0].id} …"
            )
        former = segments[at[0]]
        found[at[0]] = Durable(former.id, former.since, checked(name).strip() or None)
    return found


def checked(name: str) -> str:
    """Return a name; InputError where it is too long, or of several lines."""
    if len(name) > LONGEST or not name.isprintable():
        raise InputError(f"{name!r}: a name has at most {LONGEST} characters, in one line.")
    return name
