"""Whether one row is better than another: a paired randomisation test over users.

A user's difference is the mean over the seeds in which both rows have the user; under the null
hypothesis its sign is a coin's. Reference: Smucker, Allan and Carterette (2007); for many
comparisons Holm (1979).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

RESAMPLES = 10_000
WORSE = "−"
LEVELS = ((0.01, "**"), (0.05, "*"))
_CELLS = 4_000_000  # of a block of signs


@dataclass(frozen=True)
class PairedTest:
    """The test of one row against another, of one metric of one data set."""

    users: int
    difference: float
    p: float


def randomisation(difference_U: npt.NDArray[np.float64], resamples: int = RESAMPLES) -> float:
    """Return the two-sided p that the mean difference is 0: signs are flipped at random.

    With few users every assignment of signs is counted; else p = (1 + as extreme) / (1 + drawn),
    from draws that depend on nothing but the numbers of users and resamples.
    """
    users = len(difference_U)
    if not users:
        return 1.0
    seen = abs(float(difference_U.sum())) * (1 - 1e-9)
    exact = 2**users <= resamples
    count = 2**users if exact else resamples
    rng = np.random.default_rng([users, resamples])
    extreme, done = 0, 0
    while done < count:
        size = min(count - done, max(1, _CELLS // users))
        if exact:
            bits = (np.arange(done, done + size)[:, None] >> np.arange(users)) & 1
        else:
            bits = rng.integers(0, 2, (size, users), dtype=np.int8)
        sums = difference_U.sum() - 2.0 * (bits.astype(np.float32) @ difference_U)
        extreme += int((np.abs(sums) >= seen).sum())
        done += size
    return extreme / count if exact else (1 + extreme) / (1 + count)


def holm(ps: Sequence[float]) -> list[float]:
    """Return p-values corrected for as many comparisons (Holm's step-down)."""
    order = sorted(range(len(ps)), key=lambda n: ps[n])
    found, most = [1.0] * len(ps), 0.0
    for rank, n in enumerate(order):
        most = max(most, min(1.0, (len(ps) - rank) * ps[n]))
        found[n] = most
    return found


def mark(p: float | None, *, worse: bool) -> str:
    """Return the mark of a corrected p-value: asterisks for better, minus signs for worse."""
    stars = next((stars for level, stars in LEVELS if p is not None and p < level), "")
    return stars.replace("*", WORSE) if worse else stars


def digest(folder: Path) -> str | None:
    """Return the sha256 of a run's figures by user; None where it keeps none."""
    path = folder / "per_user.parquet"
    if not path.is_file():
        return None
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def compared(pairs: Sequence[tuple[Path, Path]], column: str) -> PairedTest | None:
    """Return the test of one row's runs against another's, a pair a seed; None: not measured.

    ``column``: of per_user.parquet, such as ndcg@20.
    """
    frames = []
    for mine, other in pairs:
        both = [pl.read_parquet(folder / "per_user.parquet") for folder in (mine, other)]
        if not all(column in frame.columns for frame in both):
            return None
        left, right = (frame.select("user", column) for frame in both)
        joined = left.join(right, on="user", suffix=" other").drop_nulls().drop_nans()
        frames.append(joined.select("user", difference=pl.col(column) - pl.col(f"{column} other")))
    if not frames:
        return None
    by_user = pl.concat(frames).group_by("user").agg(pl.col("difference").mean()).sort("user")
    difference = by_user["difference"].to_numpy().astype(np.float64)
    if not len(difference):
        return None
    return PairedTest(len(difference), float(difference.mean()), randomisation(difference))
