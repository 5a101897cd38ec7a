"""A few known classes carried to everyone: a term beside the objective.

Shape legend: U user rows, T told users, D width, K segments, C classes.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.data.labels import Labelled, tell
from gnnseg.models.objectives.base import Objective
from gnnseg.rng import Rng
from gnnseg.types import Batch, InputError, Segmentation, Shape, Step, Table

FLOOR = 1e-12


class Labels(Objective):
    """-mean over told users of log p_i,y_i: cross-entropy of what an analyst knows (node
    classification with few labels, after Kipf & Welling 2017, who train it on the graph alone).

    ``readout``: 'alpha', p_ic = alpha_ic: class c is segment c, the first segments numbered so that
    this term is smallest, and segments beyond the classes stay free; or 'linear', p_i = softmax(W
    user_i + b), which leaves the segments free and needs none. All told users count at each step,
    whatever the batch. ``column``: the users' attribute that holds the label; ``share``: share of
    the labelled users that training is told, drawn within each class, at least one of each; the
    others are held out and judged.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"labels"})

    def __init__(
        self, *, column: str | None, share: float, readout: Literal["alpha", "linear"]
    ) -> None:
        super().__init__()
        self.column, self.share, self.readout = column, share, readout
        self.linear: nn.Linear | None = None

    @classmethod
    def requires(cls, **node: Any) -> frozenset[str]:
        return cls.needs | ({"segments"} if node.get("readout") == "alpha" else frozenset())

    def tell(self, table: Table | None, rng: Rng, where: str) -> Labelled:
        return tell(table, self.column, self.share, rng, where)

    def prepare(self, shape: Shape, rng: Rng) -> None:
        self.classes = shape.classes
        if self.readout == "linear":
            self.linear = nn.Linear(shape.width, shape.classes)
            with torch.no_grad():
                self.linear.weight.normal_(0, shape.width**-0.5, generator=rng.torch("readout"))
                self.linear.bias.zero_()

    @torch.no_grad()
    def numbering(self, step: Step, labels: Tensor) -> Tensor | None:
        """The numbering that makes this term smallest (Kuhn 1955): else class c would have to move
        to a segment that by chance bears its number, and where few are told the many others stay.
        """
        if self.readout != "alpha":
            return None
        from scipy.optimize import linear_sum_assignment

        told_T = (labels >= 0).nonzero().squeeze(-1)
        loss_TK = -self._memberships(step, told_T).clamp(min=FLOOR).log()
        loss_CK = loss_TK.new_zeros(self.classes, loss_TK.shape[1]).index_add(
            0, labels[told_T], loss_TK
        )
        chosen = linear_sum_assignment(loss_CK.double().cpu().numpy())[1].tolist()
        rest = [k for k in range(loss_CK.shape[1]) if k not in chosen]
        return torch.tensor([*chosen, *rest], device=labels.device)

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        assert batch.labels is not None
        users = step.embeddings.users
        label_U = batch.labels if users is None else batch.labels[users]
        told_T = (label_U >= 0).nonzero().squeeze(-1)
        loss_T = F.nll_loss(self._log_probability(step, told_T), label_U[told_T], reduction="none")
        return loss_T.sum() / max(len(told_T), 1)

    def predict(self, step: Step) -> Tensor:
        """(U,C) chance of each class: of alpha the classes' own columns, whose rows sum to 1 where
        K = C."""
        probability_UC: Tensor = self._log_probability(step, None).exp()
        return probability_UC

    def _log_probability(self, step: Step, rows: Tensor | None) -> Tensor:
        """(T,C) of some user rows, or (U,C) of all."""
        if self.linear is not None:
            user_UD = step.embeddings.user_UD
            return F.log_softmax(
                self.linear(user_UD if rows is None else F.embedding(rows, user_UD)), dim=-1
            )
        return self._memberships(step, rows)[:, : self.classes].clamp(min=FLOOR).log()

    def _memberships(self, step: Step, rows: Tensor | None) -> Tensor:
        """(T,K); InputError where there are fewer segments than classes."""
        assert isinstance(step.scorer, Segmentation)
        alpha_TK = step.scorer.memberships(rows)
        if alpha_TK.shape[1] < self.classes:
            raise InputError(
                f"head.segments={alpha_TK.shape[1]}: with readout=alpha each of the {self.classes} "
                f"classes of {self.column} is a "
                f"segment; set head.segments={self.classes} or more, or "
                "regularisers.labels.readout=linear."
            )
        return alpha_TK
