"""Batches of training pairs and their negatives: every draw a function of (seed, name, step).

Shape legend: E pairs, B pairs in a batch, N negatives, U users, I items.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gnnseg.rng import Rng
from gnnseg.sparse import Csr

ROUNDS = 10  # of drawing anew where a negative is the user's own item; then the rest exactly


def order(pairs: int, rng: Rng) -> Tensor:
    """Return the epoch's order of the pairs, (E,): a permutation."""
    return torch.randperm(pairs, generator=rng.torch("order"))


def by_weight(weight: Tensor, rng: Rng) -> Tensor:
    """Draw the pairs of an epoch, (E,), with replacement, each as likely as its weight is large."""
    upto = weight.double().cpu().cumsum(0)
    drawn = torch.rand(len(weight), dtype=torch.float64, generator=rng.torch("order"))
    return torch.searchsorted(upto, drawn * upto[-1:], right=True).clamp(max=len(weight) - 1)


def uniform_shared(count: int, items: int, rng: Rng) -> Tensor:
    """Draw items uniformly, (N,), once for the whole batch."""
    return torch.randint(items, (count,), generator=rng.torch("negatives"))


def uniform_own(users: Tensor, count: int, pattern: Csr, rng: Rng) -> Tensor:
    """Draw items uniformly, (B,N), for each user among those not in the user's training.

    Drawn anew at most ``ROUNDS`` times, what is left then from the user's other items one by one; a
    user who has every item keeps what was drawn, and nothing hangs.
    """
    generator, items = rng.torch("negatives"), pattern.shape[1]
    drawn = torch.randint(items, (len(users), count), generator=generator).to(users.device)
    rows = users[:, None].expand_as(drawn)
    for _ in range(ROUNDS):
        taken = pattern.contains(rows, drawn)
        again = int(taken.sum())
        if again == 0:
            break
        drawn[taken] = torch.randint(items, (again,), generator=generator).to(users.device)
    for row, place in pattern.contains(rows, drawn).nonzero().tolist():
        own = pattern.column[pattern.start[users[row]] : pattern.start[users[row] + 1]]
        if len(own) == items:
            continue
        free = (
            torch.ones(items, dtype=torch.bool, device=own.device)
            .index_fill_(0, own, False)
            .nonzero()
            .squeeze(1)
        )
        drawn[row, place] = free[
            torch.randint(len(free), (1,), generator=generator).to(own.device)
        ][0]
    return drawn


def near(
    users: Tensor, items: Tensor, count: int, hops: int, pattern: Csr, rng: Rng, others: Tensor
) -> Tensor:
    """Return items where walks begun at each pair's item end, (B,N).

    A walk takes ``hops`` steps to a user and on to an item; where it ends at one of the user's own,
    ``others`` (B,N) stays.
    """
    generator, back = rng.torch("near"), pattern.T
    at = items.repeat_interleave(count)
    for _ in range(hops):
        for side in (back, pattern):
            drawn = torch.rand(len(at), dtype=torch.float64, generator=generator)
            at = side.step(at, drawn.to(at.device))
    found = at.view(len(users), count)
    taken = pattern.contains(users[:, None].expand_as(found), found)
    return torch.where(taken, others, found)


def in_batch(items: Tensor, count: int, rng: Rng) -> Tensor:
    """Draw items of the batch's own pairs, (N,), and so by popularity; all where there are few."""
    if len(items) <= count:
        return items
    chosen = torch.randperm(len(items), generator=rng.torch("negatives"))[:count]
    return items[chosen.to(items.device)]


def log_popularity(items: Tensor, weight: Tensor, count: int) -> Tensor:
    """Return log of the chance that a pair drawn by weight (E,) holds each item, (I,).

    log(n_j/E) where pairs weigh alike. An item that is never drawn counts as half a mean pair.
    """
    worth = weight.double()
    mass = worth.new_zeros(count).index_add(0, items, worth)
    return (torch.where(mass > 0, mass, worth.mean() / 2) / worth.sum()).log().float()
