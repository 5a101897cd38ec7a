"""The negatives of a batch: which items stand against those that were taken.

Shape legend: B pairs in a batch, N negatives, U users, I items.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from gnnseg.data import batches
from gnnseg.models.objectives import Objective
from gnnseg.models.objectives.base import Sampling
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import InputError


class Sampler(ABC):
    """What draws negatives.

    ``own``: it draws (B,N), each pair's own, for objectives that compare within a pair (bpr, bce,
    margin); else (N,), shared by the batch, for those that compare with all (sampled_softmax, bsl).
    """

    own: ClassVar[bool]

    @abstractmethod
    def draw(
        self, users: Tensor, items: Tensor, pattern: Csr, rng: Rng, *, count: int, epoch: int
    ) -> Tensor:
        """Draw the negatives of one batch.

        Args:
            users: (B,) the pairs' users.
            items: (B,) the pairs' items.
            pattern: (U,I) the training pairs.
            rng: of this step; every draw comes from it, so that a run that was stopped goes on as
                if nothing had happened.
            count: N, what the objective asks for.
            epoch: of training, from 0.

        Returns:
            Items, int64: (B,N), or (N,) with at most ``count`` of them.
        """

    def log_q(self, log_popularity_I: Tensor) -> Tensor | None:
        """Return (I,) log of the chance to draw each item.

        For the logQ correction (Yi et al. 2019).

        Args:
            log_popularity_I: log of the chance that a training pair holds each item.

        Returns:
            None where nothing is to be corrected, as for uniform draws.
        """
        return None


class UniformShared(Sampler):
    """Items drawn uniformly, one draw for the whole batch."""

    own = False

    def draw(
        self, users: Tensor, items: Tensor, pattern: Csr, rng: Rng, *, count: int, epoch: int
    ) -> Tensor:
        """Draw (N,) items."""
        return batches.uniform_shared(count, pattern.shape[1], rng, users.device)


class UniformOwn(Sampler):
    """Items drawn uniformly among those a user did not take; some of them near the taken one.

    ``hard``: as many, at most, lie where walks of ``hops`` to and fro from the taken item end: none
    in the first epoch, one more in each (Ying et al. 2018).
    """

    own = True

    def __init__(self, *, hard: int = 0, hops: int = 1) -> None:
        self.hard, self.hops = hard, hops

    def draw(
        self, users: Tensor, items: Tensor, pattern: Csr, rng: Rng, *, count: int, epoch: int
    ) -> Tensor:
        """Draw (B,N) items."""
        drawn = batches.uniform_own(users, count, pattern, rng)
        hard = min(self.hard, epoch)
        if hard:
            others = drawn[:, :hard]
            drawn[:, :hard] = batches.near(users, items, hard, self.hops, pattern, rng, others)
        return drawn


class InBatch(Sampler):
    """Items of the batch's own pairs, so drawn by popularity."""

    own = False

    def draw(
        self, users: Tensor, items: Tensor, pattern: Csr, rng: Rng, *, count: int, epoch: int
    ) -> Tensor:
        """Draw (N,) items, all of the batch's where there are no more."""
        return batches.in_batch(items, count, rng)

    def log_q(self, log_popularity_I: Tensor) -> Tensor:
        """Return the popularity itself."""
        return log_popularity_I


def sampler_of(want: Sampling) -> Sampler | None:
    """Return what draws as an objective asks for; None: it asks for no negatives."""
    if want.kind == "none":
        return None
    if want.kind == "own":
        return UniformOwn(hard=want.hard, hops=want.hops)
    return UniformShared() if want.kind == "shared" else InBatch()


def refuse_misfit(sampler: Sampler, objective: Objective) -> None:
    """Refuse a sampler of the user's own whose negatives an objective cannot use.

    Raises:
        InputError: where the objective draws none, or wants them of the other shape.
    """
    if not isinstance(getattr(sampler, "own", None), bool):
        raise InputError(
            f"trainer.sampler: {type(sampler).__name__} does not say whether each pair has its own "
            "negatives; set own = True, or False, in the class."
        )
    ours, name = sampler_of(objective.sampling), type(objective).__name__
    if ours is None:
        raise InputError(
            f"trainer.sampler: objective {name} draws no negatives; leave the sampler out, or "
            "choose objective=bpr, bce, margin, sampled_softmax or bsl."
        )
    if ours.own != sampler.own:
        shapes = {True: "each pair's own (B,N)", False: "shared by the batch (N,)"}
        raise InputError(
            f"trainer.sampler: {type(sampler).__name__} draws negatives {shapes[sampler.own]}, and "
            f"objective {name} wants them {shapes[ours.own]}; choose another objective or sampler."
        )


def refuse_foreign(drawn: Tensor, sampler: Sampler, shape: tuple[int, ...], items: int) -> None:
    """Refuse what a sampler of the user's own drew and nobody can use.

    Raises:
        InputError: where it is not item numbers of the shape that was asked for.
    """
    fits = drawn.shape == shape if sampler.own else drawn.dim() == 1 and len(drawn) <= shape[0]
    if not fits or drawn.dtype != torch.int64 or not len(drawn):
        raise InputError(
            f"trainer.sampler: {type(sampler).__name__} drew {tuple(drawn.shape)} {drawn.dtype}; "
            f"draw {shape} int64."
        )
    if int(drawn.min()) < 0 or int(drawn.max()) >= items:
        raise InputError(
            f"trainer.sampler: {type(sampler).__name__} drew items from {int(drawn.min())} to "
            f"{int(drawn.max())}; there are {items:,}, numbered from 0."
        )
