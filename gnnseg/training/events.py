"""What training steps are made of: the training pairs, or the rows of a log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gnnseg.evaluation import offpolicy
from gnnseg.models.objectives.base import Objective, PairObjective, RewardObjective
from gnnseg.sparse import Csr
from gnnseg.sparse.order import unique
from gnnseg.types import Earlier, InputError, Log, Logged, Pairs, Setting


@dataclass(frozen=True)
class TrainingEvents:
    """The events of training, (E,) each: the graph's pairs in their order, or rows of a log.

    Args:
        users: their users.
        items: their items.
        weight: what an event weighs; the weights sum to 1.
        logged: what came of them, where the objective learns from rewards.
        earlier: what their users took before, where the events are those of visits, kept apart.
    """

    users: Tensor
    items: Tensor
    weight: Tensor
    logged: Logged | None = None
    earlier: Earlier | None = None

    def __len__(self) -> int:
        return len(self.users)

    def to(self, device: torch.device) -> TrainingEvents:
        """Return the events on a device."""
        logged = None if self.logged is None else self.logged.to(device)
        return TrainingEvents(
            self.users.to(device), self.items.to(device), self.weight.to(device), logged,
            None if self.earlier is None else self.earlier.to(device),
        )  # fmt: skip


def of(
    objective: Objective,
    pattern: Csr,
    train_pairs: Pairs,
    log: Log | None,
    name: str,
    *,
    mask: bool,
    earlier: Earlier | None = None,
) -> TrainingEvents:
    """Return the events an objective learns from.

    Args:
        objective: it says whether pairs or rows of a log, how they weigh, and what they earn.
        pattern: (U,I) the training pairs in their order.
        train_pairs: the same with their values.
        log: what another policy showed, or None.
        name: of the data set, for messages.
        mask: users are not shown what they have.
        earlier: of the items of visits, which are then the events: each visit of a pair counts
            alike where all pairs do, else a pair's weight is shared among its visits.

    Raises:
        InputError: where the objective reads spend and there is none.
    """
    if not isinstance(objective, PairObjective):
        weight = torch.full(
            (pattern.entries,), 1 / max(pattern.entries, 1), device=pattern.column.device
        )
        return TrainingEvents(pattern.row, pattern.column, weight)
    if isinstance(objective, RewardObjective) and objective.reads_log:
        assert log is not None
        events = _logged(objective, log, pattern, mask)
    else:
        value = _of_pairs(train_pairs, objective.weights, "weights", name)
        weight = objective.pair_weights(pattern.row, pattern.degrees()[0], value)
        logged = None
        if isinstance(objective, RewardObjective):
            logged = Logged(_rewards(objective, train_pairs, name))
        events = TrainingEvents(pattern.row, pattern.column, weight, logged)
        if earlier is not None:
            events = _apart(events, earlier, shared=objective.weights is not None)
    events = events.to(pattern.column.device)
    if isinstance(objective, RewardObjective) and events.logged is not None:
        objective.learn(events.users, events.logged.reward, events.weight)
    return events


def _apart(pairs: TrainingEvents, earlier: Earlier, *, shared: bool) -> TrainingEvents:
    """Return the items of visits as events, weighing as their pairs do."""
    pair, weight = earlier.pair, pairs.weight.double().cpu()
    visits = torch.bincount(pair, minlength=len(pairs))
    assert len(visits) == len(pairs), "visits of other pairs than those of the graph"
    assert bool((visits > 0).all()), "a pair of the graph without a visit"
    weight_E = (weight / visits if shared else weight)[pair]
    weight_E = (weight_E / weight_E.sum()).float()
    users, items = (column.cpu()[pair] for column in (pairs.users, pairs.items))
    return TrainingEvents(users, items, weight_E, None, earlier)


def _logged(objective: RewardObjective, log: Log, pattern: Csr, mask: bool) -> TrainingEvents:
    assert log.part is not None
    seen = offpolicy.excluded(pattern, log) if mask else None
    log = log.rows(log.part == 0)
    user, item = torch.from_numpy(log.user), torch.from_numpy(log.item)
    weight = objective.pair_weights(
        user, torch.bincount(user, minlength=pattern.shape[0]), torch.ones(len(log))
    )
    reward = torch.from_numpy(log.reward).float()
    if objective.reward == "clicked":
        reward = (reward > 0).float()
    propensity = None if log.propensity is None else torch.from_numpy(log.propensity).float()
    earning = unique((log.user * pattern.shape[1] + log.item)[log.reward > 0])
    key = np.union1d(earning, (pattern.row * pattern.shape[1] + pattern.column).cpu().numpy())
    history = Csr.of(key // pattern.shape[1], key % pattern.shape[1], pattern.shape)
    logged = Logged(reward=reward, propensity=propensity, seen=seen, taken=pattern, history=history)
    return TrainingEvents(user, item, weight, logged)


def _rewards(objective: RewardObjective, train_pairs: Pairs, name: str) -> Tensor:
    if objective.reward == "one":
        return torch.ones(len(train_pairs))
    return _of_pairs(
        train_pairs, "spend" if objective.reward == "spend" else None, "reward", name
    ).float()


def _of_pairs(train_pairs: Pairs, wanted: str | None, key: str, name: str) -> Tensor:
    """Return (E,) spend where that is wanted, else the pairs' values."""
    value: np.ndarray[tuple[int], np.dtype[np.float64]] | None = (
        train_pairs.spend if wanted == "spend" else train_pairs.weight
    )
    if value is None:
        raise InputError(
            where=f"objective.{key}=spend",
            problem=f"{name} has no spend",
            advice=("name its column in ", Setting("data.spend"), ", or set it to value"),
        )
    return torch.from_numpy(value)
