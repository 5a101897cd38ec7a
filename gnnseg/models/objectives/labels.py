"""A few known classes carried to everyone: a term beside the objective.

Shape legend: U user rows, T labelled users, D width, K segments, C classes.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.data.labels import Labelled, observe
from gnnseg.models.objectives.base import LabelObjective
from gnnseg.rng import Rng
from gnnseg.types import Batch, InputError, Segmentation, Shape, Step, Table

FLOOR = 1e-12


class Labels(LabelObjective):
    """Cross-entropy of what an analyst knows.

    The mean over observed users of -log p_i,y_i: node classification with few labels (after Kipf &
    Welling 2017, who train it on the graph alone). All observed users count at each step, whatever
    the batch.

    Args:
        column: The users' attribute that holds the label.
        share: Share of the labelled users that training observes, drawn within each class, at least
            one of each; the others are held out and evaluated.
        readout: 'alpha', p_ic = alpha_ic: class c is segment c, the first segments numbered so that
            this term is smallest, and segments beyond the classes stay free; or 'linear', p_i =
            softmax(W user_i + b), which leaves the segments free and needs none.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"labels"})

    def __init__(
        self,
        *,
        column: str | None = None,
        share: float = 0.05,
        readout: Literal["alpha", "linear"] = "alpha",
    ) -> None:
        super().__init__()
        self.column, self.share, self.readout = column, share, readout
        self.linear: nn.Linear | None = None

    @classmethod
    def requires(cls, **node: Any) -> frozenset[str]:
        """Say that it requires labels, and segments where they are read from alpha."""
        return cls.needs | ({"segments"} if node.get("readout") == "alpha" else frozenset())

    def observe(self, table: Table | None, rng: Rng, where: str) -> Labelled:
        """Draw the users whose class training observes."""
        return observe(table, self.column, self.share, rng, where)

    def prepare(self, shape: Shape, rng: Rng) -> None:
        """Make the linear readout, where there is one."""
        self.classes = shape.classes
        if self.readout == "linear":
            self.linear = nn.Linear(shape.width, shape.classes)
            with torch.no_grad():
                self.linear.weight.normal_(0, shape.width**-0.5, generator=rng.torch("readout"))
                self.linear.bias.zero_()

    @torch.no_grad()
    def numbering(self, step: Step, labels: Tensor) -> Tensor | None:
        """Find the numbering that makes this term smallest, (K,) (Kuhn 1955).

        Else class c would have to move to a segment that by chance bears its number, and where few
        are observed the many others stay.
        """
        if self.readout != "alpha":
            return None
        from scipy.optimize import linear_sum_assignment

        known_T = (labels >= 0).nonzero().squeeze(-1)
        loss_TK = -self._memberships(step, known_T).clamp(min=FLOOR).log()
        loss_CK = loss_TK.new_zeros(self.classes, loss_TK.shape[1]).index_add(
            0, labels[known_T], loss_TK
        )
        chosen = linear_sum_assignment(loss_CK.double().cpu().numpy())[1].tolist()
        rest = [k for k in range(loss_CK.shape[1]) if k not in chosen]
        return torch.tensor([*chosen, *rest], device=labels.device)

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the mean of -log p_i,y_i over all observed users."""
        assert batch.labels is not None
        users = step.embeddings.users
        label_U = batch.labels if users is None else batch.labels[users]
        known_T = (label_U >= 0).nonzero().squeeze(-1)
        loss_T = F.nll_loss(
            self._log_probability(step, known_T), label_U[known_T], reduction="none"
        )
        return loss_T.sum() / max(len(known_T), 1)

    def predict(self, step: Step) -> Tensor:
        """Return the chance of each class, (U,C).

        Of alpha the classes' own columns, whose rows sum to 1 where K = C.
        """
        probability_UC: Tensor = self._log_probability(step, None).exp()
        return probability_UC

    def _log_probability(self, step: Step, rows: Tensor | None) -> Tensor:
        """Compute log p of some user rows, (T,C); None: of all, (U,C)."""
        if self.linear is not None:
            user_UD = step.embeddings.user_UD
            return F.log_softmax(
                self.linear(user_UD if rows is None else F.embedding(rows, user_UD)), dim=-1
            )
        return self._memberships(step, rows)[:, : self.classes].clamp(min=FLOOR).log()

    def _memberships(self, step: Step, rows: Tensor | None) -> Tensor:
        """Return alpha of some rows, (T,K).

        InputError where there are fewer segments than classes.
        """
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
