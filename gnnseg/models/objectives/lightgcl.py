"""LightGCL (Cai et al. 2023): each layer agrees with the one the graph's spectrum would have made.

Shape legend: U users, I items, B rows of users or items, D width, q singular values.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.graph.spectrum import leading
from gnnseg.models.objectives.base import GraphObjective
from gnnseg.models.objectives.contrastive import agreement, some
from gnnseg.rng import Rng
from gnnseg.types import Batch, InputError, Shape, Step


class LightGCL(GraphObjective):
    """A node's layer agrees with its message through the leading singular vectors alone.

    Over layers l = 1..L, -log( e^{cos(z_v, g_v)/tau} / sum_w e^{cos(z_v, g_w)/tau} ), the mean over
    the batch's v and w, of users plus that of items. z: the layer as the step's own pass has it,
    without the edges that ``encoder.dropout`` takes; g_users = U S V^T x_items^(l-1), g_items =
    V S U^T x_users^(l-1), U S V^T the truncated SVD of the normalised matrix, which joins every
    user with every item. It is computed once; a step costs (U + I) q D numbers a layer beside the
    pass, which embeds everybody.

    Args:
        tau: Temperature of the cosines.
        rank: q, how many singular values.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"layers"})
    reads_all = True
    user_Uq: Tensor
    item_Iq: Tensor
    value_q: Tensor

    def __init__(self, *, tau: float = 0.2, rank: int = 5) -> None:
        super().__init__()
        if tau <= 0 or rank < 1:
            raise InputError(
                f"tau is {tau}, rank is {rank} in regularisers.lightgcl: above 0, and 1 or more."
            )
        self.tau, self.rank = tau, rank

    def prepare(self, shape: Shape, rng: Rng) -> None:
        """Make room for the singular vectors."""
        rank = min(self.rank, shape.users, shape.items)
        self.register_buffer("user_Uq", torch.zeros(shape.users, rank))
        self.register_buffer("item_Iq", torch.zeros(shape.items, rank))
        self.register_buffer("value_q", torch.zeros(rank))

    @torch.no_grad()
    def reset(self, graph: BipartiteGraph, rng: Rng) -> None:
        """Compute the singular vectors; nothing of it is drawn by the seed."""
        for own, found in zip(
            (self.user_Uq, self.value_q, self.item_Iq), leading(graph, self.rank), strict=True
        ):
            own.copy_(found)

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the loss of all layers, of the batch's users and items."""
        layers = step.embeddings.layers
        assert layers is not None
        users, items = some(batch.users, rng.child("users")), some(batch.items, rng.child("items"))
        total = step.embeddings.user_UD.new_zeros(())
        for (sent_UD, sent_ID), (user_UD, item_ID) in pairwise(layers):
            of_users = self._view(users, self.user_Uq, self.item_Iq, sent_ID)
            of_items = self._view(items, self.item_Iq, self.user_Uq, sent_UD)
            total = total + agreement(F.embedding(users, user_UD), of_users, self.tau)
            total = total + agreement(F.embedding(items, item_ID), of_items, self.tau)
        return total

    def _view(self, rows: Tensor, own: Tensor, other: Tensor, sent: Tensor) -> Tensor:
        """What some rows receive by the spectrum, (B,D): own[rows] S other^T sent."""
        return F.embedding(rows, own) @ (self.value_q[:, None] * (other.T @ sent))
