"""Sampled metrics: relevant items ranked among drawn negatives instead of the whole catalogue.

``ndcg@10/uni99``: each of a user's relevant items brings 99 negatives, drawn uniformly, and all of
them are ranked together; ``pop100``: by how often items were taken. RecBole's ``uniN`` and ``popN``
(Zhao et al. 2021): with replacement, among items the user has not taken up to this part, and what
is drawn twice for a user stands once. They order models otherwise than the full ranking does
(Krichene & Rendle 2020), so they carry names of their own and are never shown as ``@k`` alone.

Shape legend: U users, I items, E asked pairs, N negatives a pair.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gnnseg.data.batches import uniform_own
from gnnseg.distributed.ranks import ALONE, Ranks
from gnnseg.evaluation import ranking
from gnnseg.evaluation.metrics import Metric
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import InputError, Scorer

ROUNDS = 10  # of drawing anew where a negative is the user's own item; then the rest exactly
PATTERN = re.compile(r"(uni|pop)([1-9]\d{0,5})")


@dataclass(frozen=True)
class SampledNegatives:
    """How negatives are drawn: ``uni99`` is 99 uniform ones for each relevant item.

    Args:
        name: as it stands in a figure's name.
        way: uni (each item alike) or pop (by its events in all parts).
        count: N, negatives for each relevant item.
    """

    name: str
    way: str
    count: int

    @staticmethod
    def of(name: str) -> SampledNegatives:
        """Read a name such as ``uni99`` or ``pop100``.

        Raises:
            InputError: where it is none.
        """
        found = PATTERN.fullmatch(name) if isinstance(name, str) else None
        if found is None:
            raise InputError(
                f"evaluation.sampled: {name!r} is no way to draw negatives; give uniN or popN, as "
                "in uni99 or pop100: N negatives for each relevant item."
            )
        return SampledNegatives(name, found[1], int(found[2]))

    def candidates(self, relevant: Csr, taken: Csr, count_I: Tensor) -> Csr:
        """Return whom each user's relevant items are ranked among, (U,I): these and negatives.

        The draws are of the data and the name alone, so that all runs on one split, whatever their
        seed, are asked the same.

        Args:
            relevant: (U,I) what is asked for.
            taken: (U,I) what is no negative; it holds ``relevant``.
            count_I: (I,) how often items were taken, for ``pop``.

        Returns:
            The candidates; users who have taken every item have none.
        """
        rng = Rng(0).child(f"evaluation {self.name}")
        free_U = taken.degrees()[0] < taken.shape[1]
        asked = free_U[relevant.row]
        row, column = relevant.row[asked], relevant.column[asked]
        if self.way == "uni":
            drawn_EN = uniform_own(row, self.count, taken, rng)
        else:
            drawn_EN = popular_own(row, self.count, taken, count_I, rng)
        rows = torch.cat([row, row.repeat_interleave(self.count)])
        key = torch.unique(rows * taken.shape[1] + torch.cat([column, drawn_EN.reshape(-1)]))
        return Csr.of(key // taken.shape[1], key % taken.shape[1], relevant.shape)


def popular_own(users: Tensor, count: int, taken: Csr, count_I: Tensor, rng: Rng) -> Tensor:
    """Draw items by how often they were taken, (B,N), for each user among those not taken by them.

    Drawn anew at most ``ROUNDS`` times, what is left then exactly from each user's other items;
    where none of these was ever taken by anybody, uniformly among them. A user who has every item
    keeps what was drawn.
    """
    generator, weight_I = rng.torch("popular"), count_I.double()
    upto = weight_I.cumsum(0)

    def draw(size: int) -> Tensor:
        at = torch.rand(size, dtype=torch.float64, generator=generator) * upto[-1]
        return torch.searchsorted(upto, at, right=True).clamp(max=len(upto) - 1)

    drawn = draw(len(users) * count).view(len(users), count)
    rows = users[:, None].expand_as(drawn)
    for _ in range(ROUNDS):
        again = taken.contains(rows, drawn)
        if not bool(again.any()):
            return drawn
        drawn[again] = draw(int(again.sum()))
    for row in taken.contains(rows, drawn).any(1).nonzero().squeeze(1).tolist():
        user = users[row]
        own = taken.column[taken.start[user] : taken.start[user + 1]]
        free_I = weight_I.index_fill(0, own, 0.0)
        if not bool(free_I.any()):
            free_I = torch.ones_like(weight_I).index_fill_(0, own, 0.0)
        if bool(free_I.any()):
            bad = taken.contains(rows[row], drawn[row]).nonzero().squeeze(1)
            drawn[row, bad] = free_I.multinomial(len(bad), True, generator=generator)
    return drawn


class Among(Scorer):
    """Scores of candidates alone: every other item has -inf and is never listed."""

    def __init__(self, scorer: Scorer, candidates: Csr) -> None:
        self._scorer, self._candidates = scorer, candidates

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Return the users' scores of the items, (B,) or (B,N)."""
        rows = users if items.dim() == 1 else users[:, None].expand_as(items)
        there = self._candidates.contains(rows, items)
        return self._scorer.pairs(users, items).masked_fill(~there, -torch.inf)

    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
        """Return (B,N) the users' scores of the same items."""
        scores = self._scorer.block(users)
        where, entry = self._candidates.entries_of(users)
        column = self._candidates.column[entry]
        found = torch.full_like(scores, -torch.inf)
        found[where, column] = scores[where, column]
        return found if items is None else found[:, items]

    def edges(self, pattern: Csr) -> Tensor:
        """Return (E,) the scores at the pattern's entries."""
        return self.pairs(pattern.row, pattern.column)


def rank(
    scorer: Scorer,
    relevant: Csr,
    candidates: Csr,
    cold: Tensor,
    ks: Sequence[int],
    metrics: Mapping[str, Metric],
    ranks: Ranks = ALONE,
) -> ranking.Ranking:
    """Measure metrics of hits in lists of the candidates; users who have none are left out.

    Args:
        scorer: what gives the logits.
        relevant: (U,I) the items asked for.
        candidates: (U,I) what they are ranked among, themselves included.
        cold: (U,) bool, users without training pairs.
        ks: lengths of lists.
        metrics: by name; those that are not of hits are left out.
        ranks: the processes that rank a part of the users each.
    """
    kept = candidates.degrees()[0][relevant.row] > 0
    return ranking.evaluate(
        Among(scorer, candidates),
        Csr.of(relevant.row[kept], relevant.column[kept], relevant.shape),
        None,
        ks=ks,
        item_counts=torch.zeros(relevant.shape[1], device=relevant.column.device),
        cold=cold,
        metrics={name: metric for name, metric in metrics.items() if metric.of_hits},
        ranks=ranks,
    )


def chosen(names: Sequence[str]) -> list[SampledNegatives]:
    """Return the ways to draw negatives, by name.

    Raises:
        InputError: for a name that is none, or stands twice.
    """
    twice = next((name for name in names if list(names).count(name) > 1), None)
    if twice is not None:
        raise InputError(f"evaluation.sampled: {twice} stands twice; give each once.")
    return [SampledNegatives.of(name) for name in names]
