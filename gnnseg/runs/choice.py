"""A choice of the number of segments, and the folder that holds it.

``<runs.root>/choose-k-<data>-<encoder>-<head>-<hash12>``: the hash is of all that makes the runs
but K, so that the same question, over other K too, is answered in one folder. It holds figures
alone; the runs lie beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from gnnseg import records
from gnnseg.data.atomic import atomic
from gnnseg.report import choice as report
from gnnseg.runs.folder import RunFolder
from gnnseg.types import Floats, InputError, Strings

if TYPE_CHECKING:
    from gnnseg.runs.run import Run

RECORD = "choice.json"
ROWS: dict[str, Any] = {
    "segments": pl.Int64, "run": pl.String, "recall": pl.Float64, "recall_se": pl.Float64,
    "behind": pl.Float64, "behind_se": pl.Float64, "near": pl.Boolean, "ndcg": pl.Float64,
    "ndcg_top1": pl.Float64, "price": pl.Float64, "soft": pl.Float64, "ari": pl.Float64,
    "jaccard": pl.Float64, "jaccard_min": pl.Float64, "largest_alpha": pl.Float64,
    "segments_per_user": pl.Float64, "effective_k": pl.Float64, "largest_share": pl.Float64,
    "seconds": pl.Float64,
}  # fmt: skip  # choice.csv, choice.parquet and choice.json's rows, a row a K
REFITS: dict[str, Any] = {
    "run": pl.String, "segments": pl.Int64, "refit": pl.Int64, "soft": pl.Float64,
    "ari": pl.Float64, "jaccard": pl.List(pl.Float64),
}  # fmt: skip  # refits.parquet, a row a refit, of every K that was ever asked for


@dataclass(frozen=True)
class ChosenK:
    """How many segments: what was recommended, and what of.

    ``path``: the folder; ``record``: its choice.json.
    """

    path: Path
    record: Mapping[str, Any]

    @staticmethod
    def load(path: Path | str) -> ChosenK:
        """Return what a folder holds.

        Raises:
            InputError: It holds no choice.
        """
        found = Path(path).expanduser().absolute()
        record = stored(found)
        if record is None:
            raise InputError(f"{found}: no choice here; gnnseg choose-k prints the path of one.")
        return ChosenK(found, record)

    @property
    def segments(self) -> int:
        """Return the recommended number of segments."""
        return int(self.record["recommended"])

    @property
    def reason(self) -> str:
        """Return why, in one sentence."""
        return str(self.record["reason"])

    @property
    def table(self) -> pl.DataFrame:
        """Return the figures, a row a K."""
        return pl.DataFrame(self.record["rows"], schema=ROWS)

    def run(self, segments: int | None = None) -> Run:
        """Return the run of one K; None: of the recommended one.

        Raises:
            InputError: This K was not tried, or its run has been removed.
        """
        from gnnseg.runs.run import Run

        k = self.segments if segments is None else segments
        names = {row["segments"]: row["run"] for row in self.record["rows"]}
        if k not in names:
            raise InputError(f"{k}: was not tried; there are {', '.join(map(str, names))}.")
        return Run.load(self.path.parent / names[k])

    def __str__(self) -> str:
        """Return the table, the number of segments and the reason."""
        return report.text(self.record)


def stored(folder: Path) -> dict[str, Any] | None:
    """Return a folder's record; None where there is none that is whole."""
    try:
        found = records.parsed((folder / RECORD).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def known_refits(folder: RunFolder) -> pl.DataFrame:
    """Return the refits that have been made already, a row each."""
    path = folder.file("refits.parquet")
    return pl.read_parquet(path) if path.exists() else pl.DataFrame(schema=REFITS)


def store(
    folder: RunFolder, record: Mapping[str, Any], users: Strings, recall: Mapping[int, Floats]
) -> None:
    """Write a choice's files; choice.json goes first and comes last, so that it says all is whole.

    Args:
        folder: Held by this process.
        record: What choice.json is to be.
        users: The validated users' ids.
        recall: Each K's recall@20 of them.
    """
    folder.file(RECORD).unlink(missing_ok=True)
    rows: Sequence[Mapping[str, Any]] = record["rows"]
    frame = pl.DataFrame(rows, schema=ROWS)
    folder.write_parquet("choice.parquet", frame)
    by_user: dict[str, Any] = {"user": [str(each) for each in users]}
    by_user |= {f"recall@20/{k}": values for k, values in recall.items()}
    folder.write_parquet("per_user.parquet", pl.DataFrame(by_user))
    written = {
        "choice.csv": frame.write_csv(),
        "choice.svg": report.picture(record),
        "choice.html": report.page(record),
    }
    for name, content in written.items():
        with atomic(folder.file(name)) as aside:
            aside.write_text(content, "utf-8")
    folder.write_json(record, RECORD)
