"""What every objective is: a scalar from one training step, the negatives it is given, and how much
each interaction weighs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from gnnseg.models.hooks import refuse_unasked
from gnnseg.rng import Rng
from gnnseg.types import Batch, Embeddings, InputError, Shape, Step, Table

if TYPE_CHECKING:
    from gnnseg.data.labels import Labelled
    from gnnseg.graph import BipartiteGraph

Weights = Literal["value", "log", "spend"]
Reward = Literal["one", "value", "spend", "logged", "clicked"]
FORMER = {"wants": "requires", "tell": "observe"}  # a hook's name of before: its name of today
OWNERS = {  # a hook that not every objective has: the class that has it
    "numbering": "LabelObjective",
    "predict": "LabelObjective",
    "learn": "RewardObjective",
    "reset": "GraphObjective",
    "due": "RenewedObjective",
    "renew": "RenewedObjective",
}
LOGGED = ("logged", "clicked")  # rewards that stand in a log


SAMPLED = ("none", "shared", "own", "in_batch")


@dataclass(frozen=True)
class Sampling:
    """The negatives an objective is given.

    ``kind``: 'none', 'shared' ((N,) uniform for the whole batch), 'own' ((B,N) uniform, each user's
    own, training items avoided), 'in_batch' (N items of the batch's own pairs, so drawn by
    popularity). ``hard``: of 'own', how many lie near the taken item, at most: none in the first
    epoch, one more in each; ``hops``: to and fro on the way there.
    """

    kind: Literal["none", "shared", "own", "in_batch"] = "none"
    count: int = 0
    hard: int = 0
    hops: int = 1

    def __post_init__(self) -> None:
        """Refuse, to whoever writes an objective, what is no sampling."""
        if self.kind not in SAMPLED or min(self.count, self.hard) < 0:
            raise ValueError(
                f"{self}: kind is one of {', '.join(SAMPLED)}; count and hard are 0 or more"
            )


class Objective(nn.Module, ABC):
    """A loss: ``Objective(settings…)``, a scalar from one training step.

    ``needs``: what head, encoder and data must provide, whatever its settings; ``requires`` says it
    for some settings, and is what a configuration is checked by. ``keeps_visits``: it asks each
    event of its user's earlier visits alone (``Batch.earlier``), as habits are learned.
    ``reads_all``: it looks at all users and items, not at the batch's alone, so that a step embeds
    everybody. ``sampling``: the negatives it is given; ``epoch``: of training, from 0, for
    curricula. What only some objectives do they say by what they inherit beside:
    ``PairObjective``, ``RewardObjective``, ``LabelObjective``, ``GraphObjective``,
    ``RenewedObjective``.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    keeps_visits: ClassVar[bool] = False
    reads_all: bool = False
    sampling: Sampling = Sampling()
    epoch: int = 0

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse, with an InputError, a hook that nobody would ask for."""
        super().__init_subclass__(**options)
        refuse_unasked(cls, FORMER, OWNERS)

    @classmethod
    def requires(cls, **node: Any) -> frozenset[str]:
        """Say what head, encoder and data must provide, with these settings.

        Returns:
            Some of what heads and encoders provide ('segments', 'probabilities', 'logits',
            'untied', 'embeddings', 'cosine', 'prototypes', 'view', 'layers', 'tables'), and of what
            data have: 'social', 'labels', 'features', 'log', 'propensity'.
        """
        return cls.needs

    def prepare(self, shape: Shape, rng: Rng) -> None:
        """Make parameters of its own, once the data's sizes and the embeddings' width are known."""

    def portion(self, part: Batch) -> Tensor | float | None:
        """Return what the loss of a part of a batch counts for, where processes share one.

        The sum over processes of loss times share must be the loss of the whole batch. None, as of
        all that say nothing: there is no such sum, since events are compared with each other or
        more is looked at than they; then each process computes the loss of the whole batch.

        Args:
            part: This process's (``Batch.spread``).
        """
        return None

    @abstractmethod
    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the scalar loss of one batch, a weighted mean over its interactions.

        Args:
            step: What the model says: embeddings, scorer, and further views.
            batch: Which events are looked at, and the negatives drawn for them.
            rng: For draws of its own, a function of the seed and the step.
        """


class GraphObjective(Objective):
    """An objective that reads the graph once, before the first step."""

    @abstractmethod
    def reset(self, graph: BipartiteGraph, rng: Rng) -> None:
        """Take what it needs of the graph into buffers, which are kept with the weights.

        Args:
            graph: Of the training pairs.
            rng: For draws of its own, a function of the seed.
        """


class RenewedObjective(Objective):
    """An objective that looks at everybody's embeddings between two epochs."""

    @property
    @abstractmethod
    def due(self) -> bool:
        """Return whether it does so before the epoch that begins, ``epoch``."""

    @abstractmethod
    def renew(self, embeddings: Embeddings, rng: Rng) -> None:
        """Take what it needs into buffers, which are kept with the weights.

        Args:
            embeddings: Of all users and items, without dropout or noise.
            rng: For draws of its own, a function of the seed and the epoch.
        """


class LabelObjective(Objective):
    """An objective that learns users' classes, of whom training observes a part."""

    @abstractmethod
    def observe(self, table: Table | None, rng: Rng, where: str) -> Labelled:
        """Draw the users whose class training observes, from their attributes.

        Args:
            table: The users' attributes, or None where there are none.
            rng: What the draw is a function of.
            where: The setting that asks, for what an error says.

        Raises:
            InputError: There is no such attribute, or too little of it.
        """

    @abstractmethod
    def numbering(self, step: Step, labels: Tensor) -> Tensor | None:
        """Return the first segments in the order its classes, (U,), ask for, (K,); None: any."""

    @abstractmethod
    def predict(self, step: Step) -> Tensor:
        """Return the chance that each user is in each class, (U,C)."""


class PairObjective(Objective):
    """An objective over training pairs, each with a weight w_e; the weights sum to 1 over the data.

    ``weights``: None (each pair alike), 'value' (rating, plays, quantity), 'log' (log(1 + value)),
    'spend' (money); times (user's degree)^``degree_power``: below 0, heavy users count for less.
    """

    def __init__(self, *, weights: Weights | None = None, degree_power: float = 0.0) -> None:
        super().__init__()
        self.weights, self.degree_power = weights, degree_power

    def pair_weights(self, users: Tensor, degrees: Tensor, value: Tensor) -> Tensor:
        """Return w_e (E,), float32.

        Args:
            users: (E,) each pair's user.
            degrees: (U,) the users' degrees.
            value: (E,) the pairs' values, or spend.

        Raises:
            InputError: No pair weighs above 0.
        """
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


class PairMean(PairObjective):
    """An objective that is the mean by w_e of its pairs' losses, each a matter of one pair alone.

    Of that and its negatives. So processes that share a batch compute a part of it each.
    """

    def portion(self, part: Batch) -> Tensor | float | None:
        """Return the part's weight among all."""
        assert part.spread is not None
        return part.weight.sum().double() / part.spread.weight.double()


class RewardObjective(PairObjective):
    """An objective that learns from what came of each event (``Batch.logged``).

    ``reward``: 'one', 'value', 'spend' of the training pairs; 'logged', 'clicked' of the rows of a
    log, which are then its events.
    """

    reward: Reward

    @property
    def reads_log(self) -> bool:
        """Return whether its events are the rows of a log, not the training pairs."""
        return self.reward in LOGGED

    @abstractmethod
    def learn(self, users: Tensor, rewards: Tensor, weight: Tensor) -> None:
        """Take in what must be known of all training events, (E,) each, before the first step."""


class PairClassifier(PairObjective):
    """An objective under which a score's sigmoid is the chance that a pair was taken.

    Of ``negatives`` + 1 pairs one was.
    """

    negatives: int


def weighted_mean(loss: Tensor, weight: Tensor) -> Tensor:
    """Compute sum_e w_e loss_e / sum_e w_e over a batch; 0 where nothing in it weighs anything."""
    return (loss * weight).sum() / weight.sum().clamp(min=torch.finfo(weight.dtype).tiny)


def mean_of_others(loss_BN: Tensor, batch: Batch) -> Tensor:
    """Compute each row's mean over its negatives, (B,), less those that are its own item.

    Negatives are (N,) shared or (B,N) each row's own; 0 where all of them are the row's own item.
    """
    assert batch.negatives is not None
    other_BN = batch.items[:, None] != batch.negatives
    mean_B: Tensor = (loss_BN * other_BN).sum(-1) / other_BN.sum(-1).clamp(min=1)
    return mean_B
