"""Prototypes that make up the users: a dictionary of which each user takes a few entries.

Shape legend: U users, B users in a step, K segments, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg.models.heads.base import memberships
from gnnseg.models.heads.readings import keep_top
from gnnseg.models.vectors import unit
from gnnseg.rng import Rng

STEPS = 150  # of Adam, its rate going down in a line to 0
RATE = 0.02  # at the first step
USERS = 4096  # a step looks at, at most


def mixed(
    user_BD: Tensor, user_KD: Tensor, taste_KD: Tensor, tau: float, top: int | None
) -> Tensor:
    """Compute m_i = sum_k alpha_ik t_k, (B,D), alpha the largest ``top`` (None: all)."""
    alpha_BK = memberships(user_BD, user_KD, tau)
    return (alpha_BK if top is None else keep_top(alpha_BK, top)) @ taste_KD


def distance(mixed_BD: Tensor, user_BD: Tensor) -> Tensor:
    """Compute the mean of 1 - cos(m_i, user_i), a scalar."""
    return (1 - (unit(mixed_BD) * unit(user_BD)).sum(-1)).mean()


def fit(
    user_UD: Tensor, centres_KD: Tensor, rng: Rng,
    *, tau: float, top: int | None, centre: bool, tied: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Fit prototypes and tastes that reproduce the users, from centres; (K,D) and (K,D).

    They minimise the mean of 1 - cos(m_i, user_i), m_i = sum_k alpha_ik t_k with alpha_ik =
    softmax_k(cos(user_i, c_k)/tau), of which the ``top`` largest are kept, and t_k = c'_k, less
    their mean where they are centred: a dictionary (Olshausen & Field 1996) whose code is alpha.
    ``tied``: c' = c. Steps of Adam from c = c' = the centres. Users without a vector are left out.
    """
    user_UD = user_UD.detach()
    user_UD = user_UD[user_UD.norm(dim=-1) > 0]
    if len(user_UD) == 0:
        return centres_KD, centres_KD.clone()
    c_KD = centres_KD.detach().clone().requires_grad_()
    taste_KD = c_KD if tied else centres_KD.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([c_KD] if tied else [c_KD, taste_KD], lr=RATE)
    with torch.enable_grad():
        for step in range(STEPS):
            optimizer.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
            x_BD = _some(user_UD, rng.at(step))
            t_KD = taste_KD - taste_KD.mean(0) if centre else taste_KD
            optimizer.zero_grad(set_to_none=True)
            loss = distance(mixed(x_BD, c_KD, t_KD, tau, top), x_BD)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return c_KD.detach(), taste_KD.detach()


def _some(user_UD: Tensor, rng: Rng) -> Tensor:
    """Draw the users of a step; all where they are few."""
    if len(user_UD) <= USERS:
        return user_UD
    rows = torch.randint(len(user_UD), (USERS,), generator=rng.torch("dictionary"))
    return F.embedding(rows.to(user_UD.device), user_UD)
