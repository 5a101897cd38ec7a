"""Users spread over processes: each has its own users' rows and edges, and all have the items.

Shape legend: U users, r users of one process, D width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from gnnseg.distributed.ranks import Ranks
from gnnseg.models.encoders.capabilities import ShardsUsers
from gnnseg.models.model import Model
from gnnseg.models.objectives import GraphObjective, LabelObjective, RenewedObjective
from gnnseg.sparse import Csr
from gnnseg.training.batching import Training
from gnnseg.training.settings import TrainerSettings
from gnnseg.types import Batch, Embeddings, Spread

ROW_BY_ROW = tuple(  # optimisers whose step of one number is a matter of that number alone
    f"torch.optim.{name}"
    for name in ("Adam", "AdamW", "SGD", "Adagrad", "RMSprop", "NAdam", "RAdam", "Adamax")
)


def obstacle(
    model: Model, data: Training, settings: TrainerSettings, optimizer: Mapping[str, Any]
) -> str | None:
    """Return what keeps users from being spread over processes; None: nothing does.

    Args:
        model: With what looks at whom.
        data: The graph and the events.
        settings: Of the trainer.
        optimizer: Its node in the configuration.
    """
    encoder, graph = model.encoder, data.graph
    target = str(optimizer["_target_"])
    reasons = {
        f"trainer.batch_size={settings.batch_size}": settings.batch_size is not None,
        f"trainer.draw={settings.draw}": settings.draw != "each",
        "trainer.callbacks": bool(settings.own_callbacks),
        "trainer.sampler": settings.own_sampler is not None,
        f"optimizer {target.rpartition('.')[2]}": target not in ROW_BY_ROW,
        f"encoder {type(encoder).__name__}": not (
            isinstance(encoder, ShardsUsers) and encoder.shards_users
        ),
        f"head {type(model.head).__name__}": not model.head.by_user or model.waiting,
        "head.habit": graph.past is not None,
        "objective.reward": data.events.logged is not None,
        "too few users": any(a >= b for a, b in pairwise(cuts(graph.pattern, data.ranks.count))),
    }
    for each in model.parts():
        reasons[f"objective or term {type(each).__name__}"] = (
            isinstance(each, GraphObjective | LabelObjective | RenewedObjective)
            or each.reads_all
            or each.sampling.kind not in ("none", "shared")
        )
    found = next((why for why, there in reasons.items() if there), None)
    if found is not None:
        return found
    e = data.events
    none = e.items[:0] if model.objective.sampling.kind == "shared" else None
    spread = Spread(Ranks(0, 2), e.weight.sum(), len(e), graph.users)
    part = Batch(e.users, e.items, e.weight, none, pattern=graph.pattern, spread=spread)
    apart = (type(each).__name__ for each in model.parts() if each.portion(part) is None)
    return next((f"objective or term {name}" for name in apart), None)


def cuts(pattern: Csr, count: int) -> list[int]:
    """Return where so many processes' users begin, and the last end, of as many edges each."""
    edges = [pattern.entries * number // count for number in range(1, count)]
    between = torch.searchsorted(pattern.start, pattern.start.new_tensor(edges)).tolist()
    return [0, *between, pattern.shape[0]]


class Shards:
    """Which users are this process's, so that all processes have about as many edges.

    Args:
        model: Whose parameters of a row a user are spread.
        pattern: (U,I) the training pairs.
        ranks: The processes.
    """

    def __init__(self, model: Model, pattern: Csr, ranks: Ranks) -> None:
        self.ranks, self.users = ranks, pattern.shape[0]
        ends = cuts(pattern, ranks.count)
        self.part = slice(ends[ranks.number], ends[ranks.number + 1])
        rows = cast(Any, model.encoder).user_rows
        self.names = frozenset(f"encoder.{name}" for name in rows)
        self._order = [name for name, _ in model.named_parameters()]

    def take(self, model: Model) -> None:
        """Keep this process's rows of the model's parameters, and no others."""
        self._put(model, lambda rows: rows[self.part])

    def give_back(self, model: Model) -> None:
        """Give the model rows of all users again, of which only this process's are known."""
        self._put(model, lambda rows: self.ranks.rows(rows, self.part, self.users))

    def _put(self, model: Model, change: Any) -> None:
        for name in self.names:
            path, _, last = name.rpartition(".")
            module = model.get_submodule(path)
            rows = cast(Tensor, getattr(module, last)).detach()
            setattr(module, last, nn.Parameter(change(rows).clone()))

    def training(self, data: Training) -> Training:
        """Return what this process trains on: its users, numbered from 0, and their events."""
        e, inside = data.events, self._edges(data)
        spread = Spread(self.ranks, e.weight.sum(), len(e), self.users)
        events = replace(
            e, users=e.users[inside] - self.part.start, items=e.items[inside],
            weight=e.weight[inside].clone(),
        )  # fmt: skip
        features = data.features
        if features.user is not None:
            features = replace(features, user=features.user[self.part])
        return Training(
            data.graph.of_users(self.part, self.ranks), features, events, ranks=self.ranks,
            spread=spread, shards=self,
        )  # fmt: skip

    def _edges(self, data: Training) -> slice:
        """Return this process's among the graph's pairs, which are the events."""
        start = data.graph.pattern.start
        return slice(int(start[self.part.start]), int(start[self.part.stop]))

    def everybody(self, mine: Embeddings) -> Embeddings:
        """Return all users' embeddings, (U,D), from everybody's (r,D); without layers."""
        user_UD = self.ranks.rows(mine.user_UD, self.part, self.users)
        return replace(mine, user_UD=user_UD, user0_UD=user_UD, layers=None)

    def whole(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return a model's state with the rows of all users."""
        return {
            name: self.ranks.rows(value, self.part, self.users) if name in self.names else value
            for name, value in weights.items()
        }

    def mine(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return a model's state with the rows of this process's users alone."""
        return {
            name: value[self.part] if name in self.names else value
            for name, value in weights.items()
        }

    def whole_steps(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return an optimiser's state with the rows of all users."""
        return self._steps(state, self.part, self.whole)

    def my_steps(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return an optimiser's state with the rows of this process's users alone."""
        return self._steps(state, slice(0, self.users), self.mine)

    def _steps(self, state: Mapping[str, Any], rows: slice, change: Any) -> dict[str, Any]:
        """Return an optimiser's state with what it holds of each user's row changed."""
        held = dict(state["state"])
        for number, name in enumerate(self._order):
            if name in self.names and number in held:
                moments = {
                    key: value for key, value in held[number].items()
                    if isinstance(value, Tensor) and value.dim()
                    and len(value) == rows.stop - rows.start
                }  # fmt: skip
                changed = {key: change({name: value})[name] for key, value in moments.items()}
                held[number] = {**held[number], **changed}
        return {**state, "state": held}
