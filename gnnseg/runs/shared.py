"""Aggregates of a run handed to others, and the ledger of what was: ``<runs.root>/.shared.jsonl``.

Two shares that differ by a few people tell of these few (a differencing attack, Denning 1980). The
ledger has each shared segment's people under its durable id, and such a share is refused.
"""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gnnseg import records
from gnnseg.data.atomic import atomic
from gnnseg.report import page, sharing, summary
from gnnseg.runs import databases, durable, export
from gnnseg.runs import summary as summary_
from gnnseg.runs.stored import StoredRun
from gnnseg.types import InputError

LEDGER = ".shared.jsonl"
FOLDER = "shared"  # in a run's folder, unless a file is named
PAGES = (".html", ".htm")


def share(path: Path, out: Path | str | None = None) -> Path | str:
    """Write what of a run others may see, and enter it in the ledger; return where it stands.

    Args:
        path: The run's folder.
        out: A page (.html), or the table of segments in any form that ``export.write`` knows; None:
            page, table and cards into the folder ``shared`` of the run's.

    Raises:
        InputError: The run has no segments, it cannot be written, or a segment differs from an
            earlier share by fewer than ``sharing.SMALLEST`` people.
    """
    run = StoredRun(path)
    if run.state != "finished" or not run.has_segments:
        why = "its head has no segments" if run.state == "finished" else f"it is {run.state}"
        raise InputError(f"{run.name}: has nothing to share: {why}.")
    if not sharing.sizes(run.path):
        raise InputError(
            f"{run.name}: has nothing to share: no segment of at least {sharing.SMALLEST} people "
            "would be shown; train with fewer segments."
        )
    if not run.folder.file(summary_.FILE).exists():  # of before
        summary_.write(run.path)
    if out is not None and Path(out).suffix.lower() not in PAGES:
        export.refuse_unwritable(out)
        _enter(run)
        return export.write(iter([sharing.segments(run.path)]), out, excel=_opens(out))
    place = run.path / FOLDER if out is None else Path(out).expanduser().absolute().parent
    if out is None:
        place.mkdir(exist_ok=True)
    target = place / ("report.html" if out is None else Path(out).name)
    with atomic(target) as aside:
        aside.write_text(_page(run), "utf-8")
        _enter(run)
    if out is not None:
        return target
    cards = sharing.table("cards", run.frame("cards"), sharing.hidden(run.path))
    export.write(iter([sharing.segments(run.path)]), place / "segments.csv", excel=True)
    export.write(iter([cards]), place / "cards.csv", excel=True)
    return place


def _opens(out: Path | str) -> bool:
    """Return whether a spreadsheet will open it: a CSV, whose cells must not run."""
    return not databases.is_url(out) and Path(out).suffix.lower() == ".csv"


def _page(run: StoredRun) -> str:
    with tempfile.TemporaryDirectory() as empty:
        return page.render(sharing.view(run.path, Path(empty)))


def _enter(run: StoredRun) -> None:
    """Enter a share in the ledger, before anybody can see it; see ``refuse``."""
    import filelock

    path = run.path.parent / LEDGER
    try:
        with filelock.FileLock(path.with_suffix(".lock")):
            entries = read(path)
            entry = _entry(run)
            refuse(entry, entries, _names(run))
            same = ("run", "fingerprint", "people", "segments")
            if any(all(each[key] == entry[key] for key in same) for each in entries):
                return
            with atomic(path) as aside:
                lines = [records.text(each) for each in (*entries, entry)]
                aside.write_text("\n".join(lines) + "\n", "utf-8")
    except OSError as error:
        raise InputError(
            f"{path}: the ledger of what was shared cannot be written ({error.strerror or error}); "
            "share from where runs.root can be written."
        ) from error


def _entry(run: StoredRun) -> dict[str, Any]:
    ids, sizes = durable.of(run), sharing.sizes(run.path)
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "run": run.name,
        "fingerprint": str(run.record["data"]["fingerprint"]),
        "people": int(run.record["data"]["users"]),
        "segments": {ids[k - 1].id: size for k, size in sizes.items()},
    }


def refuse(entry: dict[str, Any], earlier: list[dict[str, Any]], names: dict[str, str]) -> None:
    """Refuse a share that differs by few people from an earlier one, of a segment or of all.

    All people are compared with those of shares that have a segment in common.

    Args:
        entry: The share.
        earlier: Those in the ledger.
        names: What its segments are called, by id.

    Raises:
        InputError: One differs so.
    """
    for before in earlier:
        common = sorted(set(entry["segments"]) & set(before["segments"]))
        pairs = [(id, entry["segments"][id], before["segments"][id]) for id in common]
        pairs += [("", entry["people"], before["people"])] if common else []
        for id, now, then in pairs:
            if 0 < abs(now - then) < sharing.SMALLEST:
                what = f"{names.get(id, 'segment')} ({id})" if id else "the run"
                raise InputError(
                    f"{what}: has {now:,} people and had {then:,} in what was shared of "
                    f"{before['run']} on {before['when'][:10]}; the difference would tell of fewer "
                    f"than {sharing.SMALLEST}, so wait until more have changed."
                )


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
            assert {"when", "run", "fingerprint", "people", "segments"} <= set(entry)
        except (json.JSONDecodeError, AssertionError):
            raise InputError(
                f"{path}: line {number} is damaged; mend it (a line is a share), or nobody knows "
                "what others have."
            ) from None
        found.append(entry)
    return found


def _names(run: StoredRun) -> dict[str, str]:
    ids, called = durable.of(run), summary.names(run.path)
    return {each.id: called.get(k, f"segment {k}") for k, each in enumerate(ids, 1)}
