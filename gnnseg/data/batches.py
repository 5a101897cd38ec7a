"""Batches of training pairs and their negatives: every draw a function of (seed, name, step).

Shape legend: E pairs, B pairs in a batch, N negatives, U users, I items.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gnnseg.rng import Rng
from gnnseg.sparse import Csr


def order(pairs: int, rng: Rng, device: torch.device | str) -> Tensor:
    """Return the epoch's order of the pairs, (E,): a permutation."""
    return rng.stream("order", device).permutation(pairs)


def by_weight(weight: Tensor, rng: Rng) -> Tensor:
    """Draw the pairs of an epoch, (E,), with replacement, each as likely as its weight is large."""
    upto = weight.double().cpu().cumsum(0)
    drawn = rng.stream("order", "cpu").uniform(weight.shape, torch.float64)
    at = torch.searchsorted(upto, drawn * upto[-1:], right=True).clamp(max=len(weight) - 1)
    return at.to(weight.device)


def uniform_shared(count: int, items: int, rng: Rng, device: torch.device | str) -> Tensor:
    """Draw items uniformly, (N,), once for the whole batch."""
    return rng.stream("negatives", device).integers(items, (count,))


def uniform_own(users: Tensor, count: int, pattern: Csr, rng: Rng) -> Tensor:
    """Draw items uniformly, (B,N), for each user among those not in the user's training.

    A number r below how many those are is drawn, and the r-th of them taken: it is item r + t, t
    the user's own items that stand before it, those whose number less their place among them is r
    or less. A user who has every item keeps whatever is drawn.
    """
    items = pattern.shape[1]
    degree_B = pattern.start[users + 1] - pattern.start[users]
    left_B1 = torch.where(degree_B < items, items - degree_B, items)[:, None]
    free_BN = rng.stream("negatives", users.device).integers(left_B1, (len(users), count))
    own_BN = torch.searchsorted(pattern.gaps, users[:, None] * items + free_BN, right=True)
    found = free_BN + own_BN - pattern.start[users][:, None]
    return torch.where((degree_B < items)[:, None], found, free_BN)


def near(
    users: Tensor, items: Tensor, count: int, hops: int, pattern: Csr, rng: Rng, others: Tensor
) -> Tensor:
    """Return items where walks begun at each pair's item end, (B,N).

    A walk takes ``hops`` steps to a user and on to an item; where it ends at one of the user's own,
    ``others`` (B,N) stays.
    """
    stream, back = rng.stream("near", items.device), pattern.T
    at = items.repeat_interleave(count)
    for _ in range(hops):
        for side in (back, pattern):
            at = side.step(at, stream.uniform(at.shape, torch.float64))
    found = at.view(len(users), count)
    taken = pattern.contains(users[:, None].expand_as(found), found)
    return torch.where(taken, others, found)


def in_batch(items: Tensor, count: int, rng: Rng) -> Tensor:
    """Draw items of the batch's own pairs, (N,), and so by popularity; all where there are few."""
    if len(items) <= count:
        return items
    return items[rng.stream("negatives", items.device).permutation(len(items))[:count]]


def log_popularity(items: Tensor, weight: Tensor, count: int) -> Tensor:
    """Return log of the chance that a pair drawn by weight (E,) holds each item, (I,).

    log(n_j/E) where pairs weigh alike. An item that is never drawn counts as half a mean pair.
    """
    worth = weight.double()
    mass = worth.new_zeros(count).index_add(0, items, worth)
    return (torch.where(mass > 0, mass, worth.mean() / 2) / worth.sum()).log().float()
