"""What every objective is: a scalar from one training step, the negatives it wants, and how much
each interaction weighs."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from gnnseg.rng import Rng
from gnnseg.types import Batch, InputError, Shape, Step, Table

if TYPE_CHECKING:
    from gnnseg.data.labels import Labelled

Weights = Literal["value", "log", "spend"]
LOGGED = ("logged", "clicked")  # rewards that stand in a log


@dataclass(frozen=True)
class Sampling:
    """Negatives an objective wants: 'none', 'shared' ((N,) uniform for the whole batch), 'own'
    ((B,N) uniform, each user's own, training items avoided), 'in_batch' (N items of the batch's own
    pairs, so drawn by popularity). ``hard``: of 'own', how many lie near the taken item, at most:
    none in the first epoch, one more in each; ``hops``: to and fro on the way there."""

    kind: Literal["none", "shared", "own", "in_batch"] = "none"
    count: int = 0
    hard: int = 0
    hops: int = 1


class Objective(nn.Module):
    """A loss. ``needs``: what head and data must offer, whatever its settings; ``wants`` says it
    for some settings, and is what ``config.check`` compares."""

    needs: ClassVar[frozenset[str]] = frozenset()
    sampling: Sampling = Sampling()
    epoch: int = 0  # of training, for curricula
    negatives: int | None = (
        None  # a taken pair, at which the sigmoid of a score is the chance that a pair was taken
    )

    @classmethod
    def requires(cls, **node: Any) -> frozenset[str]:
        """What head and data must offer, with these settings."""
        return cls.needs

    def tell(self, table: Table | None, rng: Rng, where: str) -> Labelled:
        """The users' classes and whom of them training is told, from their attributes; asked where
        it wants 'labels'."""
        raise AssertionError(f"{type(self).__name__} wants labels: it must say which")

    def numbering(self, step: Step, labels: Tensor) -> Tensor | None:
        """(K,) the first segments in the order it wants them numbered, from what is known, (U,)
        classes; None: it does not mind."""
        return None

    def predict(self, step: Step) -> Tensor | None:
        """(U,C) chance that each user is in each class, where it learns labels."""
        return None

    def prepare(self, shape: Shape, rng: Rng) -> None:
        """Parameters of its own, once the data's sizes and the embeddings' width are known."""

    @abstractmethod
    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """The scalar loss of one batch, a weighted mean over its interactions."""


class PairObjective(Objective):
    """An objective over training pairs, each with a weight w_e; the weights sum to 1 over the data.

    ``weights``: None (each pair alike), 'value' (rating, plays, quantity), 'log' (log(1 + value)),
    'spend' (money); times (user's degree)^``degree_power``: below 0, heavy users count for less.
    """

    reward: str | None = (
        None  # what came of an event, where it reads that: one, value, spend of pairs; logged, clicked of a log
    )

    def __init__(self, *, weights: Weights | None, degree_power: float) -> None:
        super().__init__()
        self.weights, self.degree_power = weights, degree_power

    def pair_weights(self, users: Tensor, degrees: Tensor, value: Tensor) -> Tensor:
        """w_e (E,), float32, from each pair's user (E,), the users' degrees (U,) and the pairs'
        values, or spend, (E,)."""
        weight = torch.ones(len(users), dtype=torch.float64)
        if self.weights is not None:
            raw = value.double().cpu().clamp(min=0.0)
            weight = raw.log1p() if self.weights == "log" else raw
            if float(weight.sum()) <= 0:
                raise InputError(
                    f"objective.weights={self.weights}: no training interaction weighs above 0; "
                    "set it to null."
                )
        weight = weight * degrees.double().cpu().clamp(min=1.0)[users.cpu()] ** self.degree_power
        return (weight / weight.sum()).float()

    @property
    def reads_log(self) -> bool:
        """Its events are the rows of a log, not the training pairs."""
        return self.reward in LOGGED

    def learn(self, users: Tensor, rewards: Tensor, weight: Tensor) -> None:
        """What it has to know of all training events before the first step, (E,) each, where it
        reads rewards."""


def weighted_mean(loss: Tensor, weight: Tensor) -> Tensor:
    """sum_e w_e loss_e / sum_e w_e over a batch; 0 where nothing in it weighs anything."""
    return (loss * weight).sum() / weight.sum().clamp(min=torch.finfo(weight.dtype).tiny)
