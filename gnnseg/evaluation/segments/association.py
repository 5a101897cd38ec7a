"""Which attributes of people go with their segments, how strongly, and whether by chance.

Shape legend: U users, n users of whom an attribute is known, K segments, C columns, A attributes, B
permutations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from gnnseg.rng import Rng
from gnnseg.types import Floats, Ints

if TYPE_CHECKING:
    import polars as pl

PERMUTATIONS = 999  # at least; more where so many tests are made that none could be significant
MOST = 9_999
TESTED = 20_000  # users whose segments are permuted, a seeded sample of more
SIGNIFICANT = 0.05
SLACK = 1e-9  # of a statistic, by which sums in another order may differ
CELLS = 1 << 21  # users permuted at once
DERIVED = "derived from the training interactions"
READ = "read by the encoder"


@dataclass(frozen=True)
class Described:
    """An attribute of people, as numbers.

    ``classes``: whether ``matrix`` (U,C) holds classes, a column each, not 0 where a user is in it;
    else numbers or vectors. ``known`` (U,) bool: of whom it is known. ``why``: how the model came
    to know it, None where it did not, so that the attribute is evidence from outside.
    """

    name: str
    classes: bool
    matrix: np.ndarray[Any, Any]
    known: np.ndarray[Any, np.dtype[np.bool_]]
    why: str | None = None


def associations(
    segment_U: Ints, segments: int, described: Iterable[Described], rng: Rng
) -> pl.DataFrame:
    """Return how strongly each attribute goes with the users' segments.

    Classes: Cramér's V, corrected for bias (Bergsma 2013); a user of several classes counts a part
    in each. Numbers and vectors: the correlation ratio eta^2, the share of their variance between
    segments (Pearson 1905). ``chance`` is what the same figure is on average where segments are
    permuted among the users, p the share of permutations (and the one found) that reach it, (1 + b)
    / (1 + B) (Phipson & Smyth 2010), right also where cells are small. ``p_holm`` corrects for
    having tested several (Holm 1979): those from outside among each other, those given among each
    other.

    An attribute that the model was given, or that is derived from what it was trained on, is no
    evidence: segments were made by it. ``given`` marks it.

    Args:
        segment_U: each user's segment, from 0.
        segments: K.
        described: the attributes, of the users who may be described.
        rng: permutes.

    Returns:
        attribute, measure ('cramers_v', 'eta2'), value, chance, p, p_holm, users (of whom it is
        known), levels (classes there; null of numbers), given, why: those from outside first, the
        strongest first. Null where nothing can be said: one class, one value, one segment.
    """
    import polars as pl

    found = list(described)
    families = [[each for each in found if (each.why is not None) == given] for given in (0, 1)]
    draws = min(MOST, max(PERMUTATIONS, 100 * max(map(len, families)) - 1))
    rows: list[tuple[Any, ...]] = []
    for given, family in enumerate(families):
        tests = _tests(segment_U, segments, family, draws, rng)
        corrected = holm([p for _, _, p in tests])
        for each, (value, chance, p), p_holm in zip(family, tests, corrected, strict=True):
            users, measure = int(each.known.sum()), "cramers_v" if each.classes else "eta2"
            levels = int((each.matrix[each.known] != 0).any(0).sum()) if each.classes else None
            why = (bool(given), each.why)
            rows.append((each.name, measure, value, chance, p, p_holm, users, levels, *why))
    rows.sort(key=lambda row: (row[8], np.isnan(row[2]), -np.sqrt(row[2]) if row[1] == "eta2"
                               else -row[2], row[0]))  # fmt: skip
    figures = dict.fromkeys(("value", "chance", "p", "p_holm"), pl.Float64)
    counts = {"users": pl.Int64, "levels": pl.Int64}
    schema = {"attribute": pl.String, "measure": pl.String, **figures, **counts}
    schema |= {"given": pl.Boolean, "why": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row").fill_nan(None)


def holm(p_A: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, step down (Holm 1979); NaN: not tested."""
    tested = sorted((p, at) for at, p in enumerate(p_A) if not np.isnan(p))
    corrected, least = [float("nan")] * len(p_A), 0.0
    for rank, (p, at) in enumerate(tested):
        least = max(least, min(1.0, (len(tested) - rank) * p))
        corrected[at] = least
    return corrected


def cramers_v(phi2: Floats, rows: int, columns: int, n: int) -> Floats:
    """Return Cramér's V corrected for bias, of chi^2 / n = ``phi2`` (Bergsma 2013).

    V = sqrt(max(0, phi2 - (r-1)(c-1)/(n-1)) / min(r' - 1, c' - 1)), r' = r - (r-1)^2/(n-1), c'
    likewise; NaN where a side has one class, or n is too small to say.
    """
    if min(rows, columns, n) < 2:
        return np.full_like(phi2, np.nan)
    fewer = [size - 1 - (size - 1) ** 2 / (n - 1) for size in (rows, columns)]
    if min(fewer) <= 0:
        return np.full_like(phi2, np.nan)
    beyond = np.maximum(phi2 - (rows - 1) * (columns - 1) / (n - 1), 0)
    return np.sqrt(np.minimum(beyond / min(fewer), 1.0))


def _tests(
    segment_U: Ints, segments: int, described: Sequence[Described], draws: int, rng: Rng
) -> list[tuple[float, float, float]]:
    """Return value, chance and p of each attribute; those known of the same users together."""
    found: dict[int, tuple[float, float, float]] = {}
    known = [each.known.tobytes() for each in described]
    order = sorted(range(len(described)), key=known.__getitem__)
    for _, group in groupby(order, key=known.__getitem__):
        at = list(group)
        together = _together(segment_U, segments, [described[a] for a in at], draws, rng)
        found |= dict(zip(at, together, strict=True))
    return [found[at] for at in range(len(described))]


def _together(
    segment_U: Ints, segments: int, described: Sequence[Described], draws: int, rng: Rng
) -> list[tuple[float, float, float]]:
    """Test attributes that are known of the same users.

    With columns x scaled (``_scaled``), both statistics are sum_k |sum of x in k|^2 / n_k, of
    segment k's n_k users: chi^2/n + 1 of classes, and of numbers the share of variance between
    segments. Permuting segments leaves all else as it is.
    """
    rows, g = np.flatnonzero(described[0].known), rng.numpy("permutations")
    some = np.sort(g.choice(rows, TESTED, replace=False)) if len(rows) > TESTED else rows
    tested = _Sample.of(segment_U, segments, described, some)
    threshold, permuted = tested.found(), tested.permuted(draws, g)
    results = []
    for a, (each, chance) in enumerate(zip(described, tested.values(permuted), strict=True)):
        alone = _Sample.of(segment_U, segments, [each], rows)  # one at a time: users may be many
        value = float(alone.values(alone.found())[0][0])
        if np.isnan(value) or np.isnan(chance[0]):
            results.append((value, float("nan"), float("nan")))
            continue
        least = threshold[0, a] - SLACK * max(1.0, abs(threshold[0, a]))
        p = (1 + int((permuted[:, a] >= least).sum())) / (1 + draws)
        fewer = (len(some) - 1) / (len(rows) - 1)  # what is by chance falls with the users
        by_chance = float(chance.mean()) * (fewer**0.5 if each.classes else fewer)
        results.append((value, by_chance, p))
    return results


@dataclass(frozen=True)
class _Sample:
    """Users whose attributes are held against their segments.

    ``x_nC``: scaled columns of all attributes, the a-th from ``starts[a]`` on; ``levels``: classes
    there, None of numbers.
    """

    label_n: Ints
    segments: int
    x_nC: Floats
    starts: Ints
    levels: tuple[int | None, ...]

    @classmethod
    def of(
        cls, segment_U: Ints, segments: int, described: Sequence[Described], rows: Ints
    ) -> _Sample:
        """Return some users, by number, as they are."""
        scaled = [_scaled(each, rows) for each in described]
        levels = [
            int((each.matrix[rows] != 0).any(0).sum()) if each.classes else None
            for each in described
        ]
        starts = np.cumsum([0, *(x.shape[1] for x in scaled)])[:-1]
        return cls(segment_U[rows], segments, np.concatenate(scaled, axis=1), starts, tuple(levels))

    @property
    def size_K(self) -> Ints:
        """Return the users of each segment."""
        return np.bincount(self.label_n, minlength=self.segments)

    def found(self) -> Floats:
        """Return the statistic of each attribute, (1,A)."""
        return self._between(self.label_n[:, None])

    def permuted(self, draws: int, g: np.random.Generator) -> Floats:
        """Return the statistics under permutations of the segments among the users, (B,A)."""
        n, columns = self.x_nC.shape
        step = max(1, min(draws, CELLS // max(n, self.segments * columns, 1)))
        parts = [
            self._between(g.permuted(np.tile(self.label_n, (min(step, draws - at), 1)), axis=1).T)
            for at in range(0, draws, step)
        ]
        return np.concatenate(parts)

    def values(self, statistic_BA: Floats) -> list[Floats]:
        """Return Cramér's V or eta^2 of each attribute, (B,); NaN where it does not vary."""
        n, there, found = len(self.label_n), int(np.count_nonzero(self.size_K)), []
        ends = [*self.starts[1:].tolist(), self.x_nC.shape[1]]
        for a, (start, end, levels) in enumerate(zip(self.starts, ends, self.levels, strict=True)):
            statistic = statistic_BA[:, a]
            if not self.x_nC[:, start:end].any() or min(there, n) < 2:
                found.append(np.full_like(statistic, np.nan))
            elif levels is None:
                found.append(np.clip(statistic, 0.0, 1.0))
            else:
                found.append(cramers_v(statistic - 1, there, levels, n))
        return found

    def _between(self, label_nB: Ints) -> Floats:
        """Return the statistic of each attribute under each labelling of the users, (B,A)."""
        from scipy import sparse

        n, draws = label_nB.shape
        if n == 0:
            return np.zeros((draws, len(self.starts)))
        place = (label_nB + self.segments * np.arange(draws)).ravel()
        row = (np.ones(place.size), place, np.arange(n + 1) * draws)
        member = sparse.csr_matrix(row, shape=(n, draws * self.segments))
        sums = np.asarray(member.T @ self.x_nC).reshape(draws, self.segments, -1)
        square = (sums**2 / np.maximum(self.size_K, 1)[None, :, None]).sum(1)
        return np.asarray(np.add.reduceat(square, self.starts, axis=1))


def _scaled(each: Described, rows: Ints) -> Floats:
    """Return columns whose squared sums by segment, over its size, add up to the statistic.

    Classes: a user's parts in them, over sqrt(the class's size); numbers: less their mean, over
    sqrt(their total variation). Zeros where nothing varies.
    """
    x = np.asarray(each.matrix[rows], dtype=np.float64)
    if each.classes:
        part = (x != 0).astype(np.float64)
        part /= np.maximum(part.sum(1, keepdims=True), 1)
        size = part.sum(0)
        if np.count_nonzero(size) < 2:
            return np.zeros_like(part)
        return np.asarray(part / np.sqrt(np.where(size > 0, size, 1.0)))
    if len(x) == 0 or not np.ptp(x, axis=0).any():
        return np.zeros_like(x)
    apart = x - x.mean(0)
    return np.asarray(apart / np.sqrt((apart**2).sum()))
