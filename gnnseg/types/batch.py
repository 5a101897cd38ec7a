"""What a training step is given: a batch of events, and what the model says of them.

Shape legend: U users, I items, B events in a batch, N negatives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gnnseg.types.model import Embeddings, Scorer

if TYPE_CHECKING:
    from gnnseg.distributed.ranks import Ranks
    from gnnseg.rng import Rng
    from gnnseg.sparse import Csr
    from gnnseg.types.past import Earlier


@dataclass(frozen=True)
class Logged:
    """What came of a batch's events, for objectives that learn from rewards.

    ``reward`` (B,); ``propensity`` (B,): the probability with which each was shown, None: not
    known. Of rows of a log, each (U,I): ``taken``, what users have taken by now (None: the events
    are the training pairs themselves); ``seen``, what of it could not be shown when the rows were
    made (None: anything could); ``history``, what users have taken, and clicked of what they were
    shown.
    """

    reward: Tensor
    propensity: Tensor | None = None
    seen: Csr | None = None
    taken: Csr | None = None
    history: Csr | None = None

    def at(self, rows: Tensor | None) -> Logged:
        """Return the same of some events, by number; None: of all."""
        if rows is None:
            return self
        shown = None if self.propensity is None else self.propensity[rows]
        return replace(self, reward=self.reward[rows], propensity=shown)

    def to(self, device: torch.device) -> Logged:
        """Return the same on a device."""
        return Logged(
            reward=self.reward.to(device),
            propensity=None if self.propensity is None else self.propensity.to(device),
            seen=None if self.seen is None else self.seen.to(device),
            taken=None if self.taken is None else self.taken.to(device),
            history=None if self.history is None else self.history.to(device),
        )


@dataclass(frozen=True)
class Spread:
    """How much there is in all of a batch of which each process has a part.

    ``weight`` (): the sum of the events' weights; ``pairs``: how many events; ``users``: rows that
    terms on users look at, the events' or, of a full batch, each user once; None: no process has
    each user of its own once.
    """

    ranks: Ranks
    weight: Tensor
    pairs: int
    users: int | None


@dataclass(frozen=True)
class Batch:
    """What one training step looks at: users, items, weight (B,).

    ``negatives``: None, (N,) shared or (B,N) each user's own; ``log_q``: (I,) log probability that
    an item is drawn as a negative, None: uniform. ``logged``: what came of the events, where the
    objective learns from rewards. ``pattern``: the whole graph's pairs, where the batch is full.
    ``social``: (U,U) ties of all users, in both directions, and ``homophily``, what a tie is worth,
    0 to 1. ``labels``: (U,) int64 class of each user, -1 where it is not known. ``earlier``: what
    the events' users took before, where the head has habits. ``spread``: of a part of a batch,
    whose other parts are other processes'.
    """

    users: Tensor
    items: Tensor
    weight: Tensor
    negatives: Tensor | None = None
    log_q: Tensor | None = None
    logged: Logged | None = None
    pattern: Csr | None = None
    social: Csr | None = None
    homophily: float = 1.0
    labels: Tensor | None = None
    earlier: Earlier | None = None
    spread: Spread | None = None

    def part(self, ranks: Ranks) -> Batch:
        """Return this process's share of the events; all of them where there are too few."""
        if ranks.alone or self.spread is not None or len(self.users) < ranks.count:
            return self
        mine, rows = ranks.share(len(self.users)), None
        negatives = self.negatives
        if negatives is not None and negatives.dim() == 2:
            negatives = negatives[mine]
        if self.logged is not None or self.earlier is not None:
            rows = torch.arange(mine.start, mine.stop, device=self.users.device)
        whole = None if self.pattern is not None else len(self.users)
        return replace(
            self,
            users=self.users[mine],
            items=self.items[mine],
            weight=self.weight[mine],
            negatives=negatives,
            logged=None if self.logged is None else self.logged.at(rows),
            earlier=None if self.earlier is None else self.earlier.at(rows),
            pattern=None,
            spread=Spread(ranks, self.weight.sum(), len(self.users), whole),
        )

    def mean(self, rows: Tensor) -> Tensor:
        """Return the mean, over all processes, of what terms look at of users, (n,...) -> (...)."""
        if self.spread is None:
            return rows.mean(0)
        assert self.spread.users is not None
        return self.spread.ranks.sum(rows.sum(0)) / self.spread.users

    def compact(
        self, *, users: bool = True, items: bool = True
    ) -> tuple[Batch, Tensor | None, Tensor | None]:
        """Return the batch by rows of the users and items it touches, and which these are.

        They are ascending; None: all, row = id.
        """
        batch, some_users, some_items = self, None, None
        if users:
            some_users, row = torch.unique(self.users, return_inverse=True)
            batch = replace(batch, users=row)
        if items:
            drawn = self.items[:0] if self.negatives is None else self.negatives.reshape(-1)
            some_items, row = torch.unique(torch.cat([self.items, drawn]), return_inverse=True)
            batch = replace(batch, items=row[: len(self.items)])
            if self.negatives is not None:
                batch = replace(batch, negatives=row[len(self.items) :].view(self.negatives.shape))
            if self.log_q is not None:
                batch = replace(batch, log_q=self.log_q[some_items])
        return batch, some_users, some_items


@dataclass(frozen=True)
class Step:
    """What the model says in one training step.

    ``view``: one more pass of the encoder, by a generator and a strength of noise.
    """

    embeddings: Embeddings
    scorer: Scorer
    view: Callable[[Rng, float], Embeddings] | None = None
