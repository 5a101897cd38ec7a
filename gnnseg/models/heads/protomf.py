"""ProtoMF (Melchiorre et al. 2022): users and items by how alike they are to prototypes.

Shape legend: U user rows, I item rows, B users in a batch, N items asked for, K user prototypes, L
item prototypes, D width.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.models.heads.base import FLOOR, FactorScorer, NumberedHead, facing
from gnnseg.models.heads.readings import keep_top
from gnnseg.models.vectors import pick, unit
from gnnseg.rng import Rng
from gnnseg.types import (
    Embeddings,
    EmbeddingScorer,
    Explanation,
    InputError,
    PrototypeScorer,
    Segmentation,
    Shape,
)


class ProtoMF(NumberedHead):
    """UI-ProtoMF (Melchiorre et al. 2022): a score by users' and by items' prototypes.

    logit_ij = sum_k (1 + cos(user_i, p_k)) <w_k, item_j> + sum_l <v_l, user_i> (1 + cos(item_j,
    q_l)): no temperature, no bias. Its user prototypes stand as segments: alpha_ik = (1 +
    cos(user_i, p_k)) / s_i, s_i the sum over k, beta_kj = <w_k, item_j>, so that the first part is
    s_i sum_k alpha_ik beta_kj, read as affinity; the second is personal. A shifted cosine is soft:
    alpha is near 1/K unless ``regularisers.sim_batch`` and ``sim_proto`` pull users and prototypes
    together, and even at cosines of 1 and -1 one segment has no more than alpha 1. Vectors and maps
    start at random, as the authors' do.

    Args:
        segments: K, user prototypes.
        item_prototypes: L; 0: none (the paper's U-ProtoMF), all of a score passes through segments.
    """

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        segments: int = 16,
        item_prototypes: int = 16,
    ) -> None:
        super().__init__()
        if segments < 1 or item_prototypes < 0:
            raise InputError(
                f"head.segments is {segments}, head.item_prototypes is {item_prototypes}: there "
                "must be at least 1, and 0 or more."
            )
        self.segments = segments

        def drawn(count: int, scale: float, name: str) -> nn.Parameter:
            return nn.Parameter(
                torch.empty(count, shape.width).normal_(0, scale, generator=rng.torch(name))
            )

        he = (2 / max(shape.width, 1)) ** 0.5  # He et al. 2015
        self.user_KD = drawn(segments, 1.0, "users")
        self.taste_KD = drawn(segments, he, "tastes")
        self.item_LD = drawn(item_prototypes, 1.0, "items") if item_prototypes else None
        self.trait_LD = drawn(item_prototypes, he, "traits") if item_prototypes else None

    @classmethod
    def provides(cls, **node: Any) -> frozenset[str]:
        """Say that it has segments and prototypes, and that its scores are logits."""
        return frozenset({"segments", "logits", "prototypes"})

    @torch.no_grad()
    def start_at(self, centres_KD: Tensor) -> None:
        """Start the users' prototypes at these centres, (K,D)."""
        self.user_KD.copy_(centres_KD)

    @torch.no_grad()
    def renumber(self, order: Tensor) -> None:
        """Make segment k what was segment order[k], (K,)."""
        for each_KD in (self.user_KD, self.taste_KD):
            each_KD.copy_(F.embedding(order, each_KD))

    def forward(self, embeddings: Embeddings) -> ProtoMFScorer:
        """Return the scores of these embeddings."""
        learned = Prototypes(self.user_KD, self.taste_KD, self.item_LD, self.trait_LD)
        return ProtoMFScorer(embeddings, learned)


@dataclass(frozen=True)
class Prototypes:
    """What the head has learned: p and w (K,D), q and v (L,D) or none; ``top``: segments a user."""

    user_KD: Tensor
    taste_KD: Tensor
    item_LD: Tensor | None
    trait_LD: Tensor | None
    top: int | None = None


class ProtoMFScorer(FactorScorer, EmbeddingScorer, Segmentation, PrototypeScorer):
    """Scores by shifted cosines to prototypes."""

    kind = "affinity"
    adds = True

    def __init__(self, embeddings: Embeddings, learned: Prototypes) -> None:
        self._e, self._p = embeddings, learned

    def with_users(self, user_UD: Tensor) -> ProtoMFScorer:
        """Return a scorer of the same items, whose user row r is user_UD[r]."""
        return ProtoMFScorer(facing(self._e, user_UD), self._p)

    def truncated(self, top: int) -> ProtoMFScorer:
        """Return the scores through each user's ``top`` nearest prototypes, and the items' own."""
        most = self._p.top
        return ProtoMFScorer(self._e, replace(self._p, top=top if most is None else min(top, most)))

    def user_similarities(self, users: Tensor | None) -> Tensor:
        """Return 1 + cos(user_i, p_k) of some user rows, (B,K); None: of all."""
        return shifted_cosine(pick(self._e.user_UD, users), self._p.user_KD)

    def item_similarities(self, items: Tensor | None) -> Tensor | None:
        """Return 1 + cos(item_j, q_l) of some item rows, (N,L), None: of all; None without q."""
        if self._p.item_LD is None:
            return None
        return shifted_cosine(pick(self._e.item_ID, items), self._p.item_LD)

    @property
    def prototypes(self) -> Tensor:
        """Return p_k, (K,D), against which a user's alpha is read."""
        return self._p.user_KD

    def directions(self) -> dict[str, Tensor]:
        """Return p_k and w_k, (K,D), against which users and items are read."""
        return {"user": self._p.user_KD, "item": self._p.taste_KD}

    @property
    def alpha(self) -> Tensor:
        """Return the shares of a user's shifted cosines, (U,K)."""
        return self.memberships(None)

    @property
    def beta(self) -> Tensor:
        """Return <w_k, item_j>, (K,I)."""
        return self._p.taste_KD @ self._e.item_ID.T

    def memberships(self, users: Tensor | None) -> Tensor:
        """Return alpha of some user rows, (B,K); None: of all."""
        near_BK = self.user_similarities(users).clamp(min=FLOOR)
        alpha_BK = near_BK / near_BK.sum(-1, keepdim=True)
        return alpha_BK if self._p.top is None else keep_top(alpha_BK, self._p.top)

    def left(self, users: Tensor | None) -> Tensor:
        """Return shifted cosines and <v_l, user_i> of some rows, (B,K+L); None: of all."""
        near_BK = self.user_similarities(users)
        if self._p.top is not None:
            near_BK = near_BK.sum(-1, keepdim=True) * self.memberships(users)
        if self._p.trait_LD is None:
            return near_BK
        return torch.cat([near_BK, pick(self._e.user_UD, users) @ self._p.trait_LD.T], -1)

    def right(self, items: Tensor | None) -> Tensor:
        """Return <w_k, item_j> and shifted cosines of some rows, (N,K+L); None: of all."""
        taste_NK = pick(self._e.item_ID, items) @ self._p.taste_KD.T
        near_NL = self.item_similarities(items)
        return taste_NK if near_NL is None else torch.cat([taste_NK, near_NL], -1)

    def logit(self, product: Tensor, items: Tensor | None) -> Tensor:
        """Return the product: there is no temperature and no bias."""
        return product

    def explain(self, users: Tensor, items: Tensor) -> Explanation:
        """Return signed parts by user prototype, and ``personal``, the items' prototypes' part."""
        parts, k = self.left(users) * self.right(items), len(self._p.user_KD)
        personal = None if self._p.item_LD is None else parts[:, k:].sum(-1)
        return Explanation(shares=False, segments=parts[:, :k], personal=personal)


def shifted_cosine(rows_BD: Tensor, prototypes_KD: Tensor) -> Tensor:
    """Compute 1 + cos(x, p), (B,K), 0 to 2; 1 of a row of zeros."""
    return 1 + unit(rows_BD) @ unit(prototypes_KD).T
