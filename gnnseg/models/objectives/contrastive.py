"""Contrastive terms: two noisy views of a node agree, other nodes are pushed away (Yu et al. 2022,
2023).

Shape legend: B rows of users or items, D width.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg.models.objectives.base import Objective
from gnnseg.models.vectors import unit
from gnnseg.rng import Rng
from gnnseg.types import Batch, InputError, Step

ROWS = 2048  # users, and items, that are kept apart in one step


class SimGCL(Objective):
    """Two noisy views of a node agree, others are apart (SimGCL, Yu et al. 2022).

    -log( e^{cos(a_v, b_v)/tau} / sum_w e^{cos(a_v, b_w)/tau} ), the mean over the batch's v and w,
    of users plus that of items; a, b: two more passes of the encoder.

    Args:
        tau: Temperature of the cosines.
        noise: How far each layer is moved, in a random direction.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"view"})

    def __init__(self, *, tau: float = 0.2, noise: float = 0.1) -> None:
        super().__init__()
        if tau <= 0 or noise <= 0:
            raise InputError(
                f"tau is {tau}, noise is {noise} in regularisers.simgcl: both must be above 0."
            )
        self.tau, self.noise = tau, noise

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the loss of two more views of the batch's users and items."""
        assert step.view is not None
        one, other = (
            step.view(rng.child("one"), self.noise),
            step.view(rng.child("other"), self.noise),
        )
        users, items = some(batch.users, rng.child("users")), some(batch.items, rng.child("items"))
        of_users = info_nce(one.user_UD, other.user_UD, users, self.tau)
        return of_users + info_nce(one.item_ID, other.item_ID, items, self.tau)


class XSimGCL(Objective):
    """The embedding agrees with one of its layers under noise (XSimGCL, Yu et al. 2023).

    ``SimGCL``'s loss between the two, of one more pass of the encoder. The paper's pass serves the
    ranking loss too; here that one stays without noise, which costs a pass more and keeps the two
    apart.

    Args:
        tau: Temperature of the cosines.
        noise: How far each layer is moved, in a random direction.
        layer: Which layer, 0 the first.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"view", "layers"})

    def __init__(self, *, tau: float = 0.2, noise: float = 0.2, layer: int = 1) -> None:
        super().__init__()
        if tau <= 0 or noise <= 0 or layer < 0:
            raise InputError(
                f"tau is {tau}, noise is {noise}, layer is {layer} in regularisers.xsimgcl: above "
                "0, above 0, 0 or more."
            )
        self.tau, self.noise, self.layer = tau, noise, layer

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the loss of one more view's embedding and layer.

        Raises:
            InputError: The encoder has no such layer.
        """
        assert step.view is not None
        view = step.view(rng.child("view"), self.noise)
        if view.layers is None or self.layer >= len(view.layers):
            held = "none" if view.layers is None else f"layers 0 to {len(view.layers) - 1}"
            raise InputError(f"regularisers.xsimgcl.layer is {self.layer}: the encoder has {held}.")
        user, item = view.layers[self.layer]
        users, items = some(batch.users, rng.child("users")), some(batch.items, rng.child("items"))
        return info_nce(view.user_UD, user, users, self.tau) + info_nce(
            view.item_ID, item, items, self.tau
        )


def some(ids: Tensor, rng: Rng) -> Tensor:
    """Return each id of the batch once; of more than ``ROWS``, so many drawn anew."""
    found: Tensor = torch.unique(ids)
    if len(found) <= ROWS:
        return found
    return found[rng.stream("rows", found.device).permutation(len(found))[:ROWS]]


def info_nce(one: Tensor, other: Tensor, rows: Tensor, tau: float) -> Tensor:
    """Compute InfoNCE of the rows (B,) of two views (van den Oord et al. 2018).

    The mean over ``rows`` of -log softmax of cosines/tau, over the same rows of ``other``.
    """
    return agreement(F.embedding(rows, one), F.embedding(rows, other), tau)


def agreement(one: Tensor, other: Tensor, tau: float, own: Tensor | None = None) -> Tensor:
    """Compute the mean over b of -log softmax_w(cos(one_b, other_w)/tau) at w = own_b.

    Args:
        one: (B,D).
        other: (W,D).
        tau: Temperature of the cosines.
        own: (B,), with which of the others each agrees; None: W = B, each with its own row.
    """
    if own is None:
        own = torch.arange(len(one), device=one.device)
    loss: Tensor = F.cross_entropy(unit(one) @ unit(other).T / tau, own)
    return loss
