"""NCL (Lin et al. 2022): a node agrees with its neighbours' neighbours, and with its prototype.

Shape legend: U users, I items, B rows of users or items, D width, K prototypes.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg.models import kmeans
from gnnseg.models.objectives.base import Objective, RenewedObjective
from gnnseg.models.objectives.contrastive import agreement, some
from gnnseg.models.vectors import unit
from gnnseg.rng import Rng
from gnnseg.types import Batch, Embeddings, InputError, Shape, Step


class NCLStructure(Objective):
    """A node's even layer agrees with its own layer 0: structural neighbours.

    -log( e^{cos(x_v^(k), x_v^(0))/tau} / sum_w e^{cos(x_v^(k), x_w^(0))/tau} ), the mean over the
    batch's v, of users plus ``items`` times that of items. k = ``layer``: that many steps away from
    a user are users.

    Args:
        tau: Temperature of the cosines.
        layer: k, 2 or 4 …
        items: What the items' part weighs.
        negatives: Who w are: 'batch', the batch's; 'all', everybody, as in the paper: a step then
            embeds everybody, and holds B x U numbers.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"layers"})

    def __init__(
        self,
        *,
        tau: float = 0.1,
        layer: int = 2,
        items: float = 1.0,
        negatives: Literal["batch", "all"] = "batch",
    ) -> None:
        super().__init__()
        if tau <= 0 or layer < 2 or layer % 2 or items < 0:
            raise InputError(
                f"tau is {tau}, layer is {layer}, items is {items} in regularisers.ncl_structure: "
                "above 0, an even number from 2 on, 0 or more."
            )
        self.tau, self.layer, self.items = tau, layer, items
        self.reads_all = negatives == "all"

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the loss of the batch's users and items.

        Raises:
            InputError: The encoder has no such layer.
        """
        layers = step.embeddings.layers
        if layers is None or self.layer >= len(layers):
            held = "none" if layers is None else f"layers 0 to {len(layers) - 1}"
            raise InputError(
                f"regularisers.ncl_structure.layer is {self.layer}: the encoder has {held}."
            )
        users, items = some(batch.users, rng.child("users")), some(batch.items, rng.child("items"))
        of_users, of_items = (
            self._loss(layers[self.layer][kind], layers[0][kind], rows)
            for kind, rows in enumerate((users, items))
        )
        return of_users + self.items * of_items

    def _loss(self, far: Tensor, start: Tensor, rows: Tensor) -> Tensor:
        if self.reads_all:
            return agreement(F.embedding(rows, far), start, self.tau, rows)
        return agreement(F.embedding(rows, far), F.embedding(rows, start), self.tau)


class NCLPrototypes(RenewedObjective):
    """A node agrees with its cluster's centre: semantic neighbours.

    -log( e^{cos(x_v^(0), c_k(v))/tau} / sum_k e^{cos(x_v^(0), c_k)/tau} ), the mean over the
    batch's v, of users plus that of items (ProtoNCE, Li et al. 2021). c: k-means of layer 0 at
    length 1, found anew every few epochs and fixed between (expectation-maximisation); 0 during the
    warm-up, whose vectors say little yet. Who has which centre is kept with the weights.

    Args:
        tau: Temperature of the cosines.
        prototypes: K, of users and of items.
        warmup: Epochs before the first k-means.
        every: Epochs between two.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"layers"})
    user_KD: Tensor
    item_KD: Tensor
    user_k: Tensor
    item_k: Tensor

    def __init__(
        self, *, tau: float = 0.1, prototypes: int = 100, warmup: int = 5, every: int = 1
    ) -> None:
        super().__init__()
        if tau <= 0 or min(prototypes, every) < 1 or warmup < 0:
            raise InputError(
                f"tau is {tau}, prototypes is {prototypes}, warmup is {warmup}, every is {every} "
                "in regularisers.ncl_prototypes: above 0, 1 or more, 0 or more, 1 or more."
            )
        self.tau, self.prototypes = tau, prototypes
        self.warmup, self.every = warmup, every

    def prepare(self, shape: Shape, rng: Rng) -> None:
        """Make room for the centres, and for who has which.

        Raises:
            InputError: There are more of them than users or items.
        """
        fewest, kind = min((shape.users, "users"), (shape.items, "items"))
        if self.prototypes > fewest:
            raise InputError(
                f"regularisers.ncl_prototypes.prototypes is {self.prototypes}: there are "
                f"{fewest} {kind}; give at most so many."
            )
        for kind, count in (("user", shape.users), ("item", shape.items)):
            centres = torch.zeros(self.prototypes, shape.width)
            self.register_buffer(f"{kind}_KD", centres)
            self.register_buffer(f"{kind}_k", torch.zeros(count, dtype=torch.int64))

    @property
    def due(self) -> bool:
        """Return whether the epoch that begins asks for centres of its own."""
        return self.epoch >= self.warmup and (self.epoch - self.warmup) % self.every == 0

    @torch.no_grad()
    def renew(self, embeddings: Embeddings, rng: Rng) -> None:
        """Find the centres of everybody's layer 0, and whose is which."""
        for kind, rows in (("user", embeddings.user0_UD), ("item", embeddings.item0_ID)):
            found = kmeans.prototypes(rows, self.prototypes, rng.child(kind))
            getattr(self, f"{kind}_KD").copy_(unit(found))
            getattr(self, f"{kind}_k").copy_(kmeans.nearest(rows, found))

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the loss of the batch's users and items; 0 during the warm-up."""
        e = step.embeddings
        if self.epoch < self.warmup:
            return e.user0_UD.new_zeros(())
        users, items = some(batch.users, rng.child("users")), some(batch.items, rng.child("items"))
        of_users = self.user_k[users if e.users is None else e.users[users]]
        of_items = self.item_k[items if e.items is None else e.items[items]]
        return agreement(
            F.embedding(users, e.user0_UD), self.user_KD, self.tau, of_users
        ) + agreement(F.embedding(items, e.item0_ID), self.item_KD, self.tau, of_items)
