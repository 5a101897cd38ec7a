"""The ledger of what was shared: whose aggregates others have, in ``<runs.root>/.shared.jsonl``.

Two shares whose groups differ by a few people tell of these few (a differencing attack, Denning
1980), be the groups of one size or not. So members are compared, not sizes: beside the ledger lies
``.shared/`` with a digest of each member, keyed by ``.shared/key``, which never leaves it. Whoever
has the key and a list of ids can tell who was in a share; it is the owner's, as run folders are.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gnnseg import records
from gnnseg.data.atomic import atomic
from gnnseg.report.sharing import SMALLEST
from gnnseg.types import InputError

LEDGER, MEMBERS, KEY = ".shared.jsonl", ".shared", "key"
EVERYBODY = ""  # the group of all people
NEEDED = {"when", "run", "fingerprint", "people", "segments"}
Digests = np.ndarray[tuple[int, ...], np.dtype[np.uint64]]


@dataclass(frozen=True)
class Share:
    """A share of aggregates: of which run and data, and who is in each group that it shows.

    ``groups``: ids by the segment's durable id; ``EVERYBODY``: all people. ``called``: what the
    segments are called, by id.
    """

    run: str
    fingerprint: str
    groups: Mapping[str, Sequence[str]]
    called: Mapping[str, str]


def enter(root: Path, share: Share) -> None:
    """Enter a share in the ledger, before anybody can see it.

    Args:
        root: runs.root.
        share: The share.

    Raises:
        InputError: One of its groups differs from one of an earlier share by fewer than
            ``SMALLEST`` people, or the ledger is damaged or cannot be written.
    """
    import filelock

    path = root / LEDGER
    try:
        with filelock.FileLock(path.with_suffix(".lock")):
            entries = read(path)
            groups = _digests(root, share.groups)
            for before in entries:
                _refuse(share, groups, before, _members(root, before))
            _add(root, entries, share, groups)
    except OSError as error:
        raise InputError(
            f"{path}: the ledger of what was shared cannot be written ({error.strerror or error}); "
            "share from where runs.root can be written."
        ) from error


def read(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a ledger; none where it is not there.

    Raises:
        InputError: It is damaged.
    """
    if not path.exists():
        return []
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            entry = records.parsed(line)
            assert isinstance(entry, dict)
            assert set(entry) >= NEEDED
        except (json.JSONDecodeError, AssertionError):
            raise InputError(
                f"{path}: line {number} is damaged; mend it (a line is a share), or nobody knows "
                "what others have."
            ) from None
        found.append(entry)
    return found


def _refuse(
    share: Share,
    groups: Mapping[str, Digests],
    before: Mapping[str, Any],
    members: Mapping[str, Digests] | None,
) -> None:
    """Refuse a share that differs by few people from an earlier one, of a segment or of all."""
    pairs = _of_sizes(groups, before) if members is None else _of_members(groups, members)
    for id, people in pairs:
        if 0 < people < SMALLEST:
            name = share.called.get(id, "segment")
            what = "the run" if id == EVERYBODY else f"{name} ({id})"
            raise InputError(
                f"{what}: differs by {people} people from what was shared of {before['run']} on "
                f"{before['when'][:10]}; the difference would tell of fewer than {SMALLEST}, so "
                "wait until more have changed."
            )


def _of_members(
    groups: Mapping[str, Digests], members: Mapping[str, Digests]
) -> list[tuple[str, int]]:
    """Return by how many people each group differs from each of before, whatever their ids."""
    found = []
    for id, now in groups.items():
        for then in members.values():
            if abs(len(now) - len(then)) < SMALLEST:
                found.append((id, len(np.setxor1d(now, then, assume_unique=True))))
    return found


def _of_sizes(groups: Mapping[str, Digests], before: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return by how many people groups of the same id differ at least: members are not known.

    All people are compared with those of shares that have a segment in common.
    """
    common = sorted(set(groups) & set(before["segments"]))
    then = {**before["segments"], EVERYBODY: before["people"]}
    return [(id, abs(len(groups[id]) - then[id])) for id in [*common, *[EVERYBODY] * bool(common)]]


def _digests(root: Path, groups: Mapping[str, Sequence[str]]) -> dict[str, Digests]:
    """Return the members of groups as keyed digests, sorted."""
    place = root / MEMBERS
    place.mkdir(mode=0o700, exist_ok=True)
    if not (place / KEY).exists():
        with atomic(place / KEY) as aside:
            aside.write_bytes(secrets.token_bytes(32))
            os.chmod(aside, 0o600)
        os.chmod(place / KEY, 0o600)
    key = (place / KEY).read_bytes()
    return {
        id: np.unique(
            np.array(
                [
                    int.from_bytes(hashlib.blake2b(each.encode(), digest_size=8, key=key).digest())
                    for each in ids
                ],
                dtype=np.uint64,
            )
        )
        for id, ids in groups.items()
    }


def _members(root: Path, entry: Mapping[str, Any]) -> dict[str, Digests] | None:
    """Return who was in an earlier share; None: of before, or somebody removed it."""
    path = root / MEMBERS / str(entry.get("members"))
    if "members" not in entry or not path.exists():
        return None
    frame = pl.read_parquet(path)
    return {
        str(id[0]): part["member"].to_numpy()
        for id, part in frame.group_by(["group"], maintain_order=True)
    }


def _add(
    root: Path, entries: list[dict[str, Any]], share: Share, groups: Mapping[str, Digests]
) -> None:
    """Write the entry and its members, unless the same share stands there."""
    rows = [
        pl.DataFrame({"group": [id] * len(each), "member": pl.Series(each, dtype=pl.UInt64)})
        for id, each in groups.items()
    ]
    frame = pl.concat(rows)
    digest = hashlib.sha256(frame.write_csv().encode()).hexdigest()[:16]
    stored = f"{digest}.parquet"
    entry = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "run": share.run,
        "fingerprint": share.fingerprint,
        "people": len(groups[EVERYBODY]),
        "segments": {id: len(each) for id, each in groups.items() if id != EVERYBODY},
        "members": stored,
    }
    same = set(entry) - {"when"}
    if any(all(each.get(key) == entry[key] for key in same) for each in entries):
        return
    with atomic(root / MEMBERS / stored) as aside:
        frame.write_parquet(aside)
    with atomic(root / LEDGER) as aside:
        lines = [records.text(each) for each in (*entries, entry)]
        aside.write_text("\n".join(lines) + "\n", "utf-8")
